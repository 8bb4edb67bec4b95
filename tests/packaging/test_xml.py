"""XML of a Bundle: it says what the JSON says, element for element, and is written in one form."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sr2fhir
from lxml import etree
from sr2fhir.errors import OutputError
from sr2fhir.jsontext import NumberText, loads_strict
from sr2fhir.packaging.xml import check_characters, read, to_xml, write

from tests.packaging.readback import DifferentError, verify

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p title="t">a &amp; <b>b</b> c</p></div>'
NAME_URL, UNKNOWN = "http://example.org/name", "http://example.org/why"

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "text": {"status": "generated", "div": DIV},
    "contained": [{"resourceType": "Practitioner", "id": "o1", "active": True}],
    "extension": [
        {"url": NAME_URL, "extension": [{"url": "part", "valueDecimal": NumberText("1.50")}]},
        {"id": "e2", "url": NAME_URL, "valueString": ' "<&>\n\t ä'},
    ],
    "name": [
        {
            "id": "n1",
            "family": "F",
            "given": ["A", None, "C"],
            "_given": [None, {"extension": [{"url": UNKNOWN, "valueCode": "unknown"}]}, {"id": "g3"}],
        },
        {"text": "second"},
    ],
    "gender": "male",
    "_gender": {"id": "g"},
    "_birthDate": {"extension": [{"url": UNKNOWN, "valueCode": "masked"}]},
    "multipleBirthInteger": NumberText("2"),
}

# Written by hand from FHIR R5, "XML Representation of Resources".
PATIENT_XML = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<Patient xmlns="http://hl7.org/fhir">
  <id value="p1"/>
  <text>
    <status value="generated"/>
    {DIV}
  </text>
  <contained>
    <Practitioner>
      <id value="o1"/>
      <active value="true"/>
    </Practitioner>
  </contained>
  <extension url="{NAME_URL}">
    <extension url="part">
      <valueDecimal value="1.50"/>
    </extension>
  </extension>
  <extension id="e2" url="{NAME_URL}">
    <valueString value=" &quot;&lt;&amp;&gt;&#10;&#9; ä"/>
  </extension>
  <name id="n1">
    <family value="F"/>
    <given value="A"/>
    <given>
      <extension url="{UNKNOWN}">
        <valueCode value="unknown"/>
      </extension>
    </given>
    <given id="g3" value="C"/>
  </name>
  <name>
    <text value="second"/>
  </name>
  <gender id="g" value="male"/>
  <birthDate>
    <extension url="{UNKNOWN}">
      <valueCode value="masked"/>
    </extension>
  </birthDate>
  <multipleBirthInteger value="2"/>
</Patient>
"""


def test_xml_that_says_the_same_is_accepted() -> None:
    verify(PATIENT, PATIENT_XML.encode())
    assert write(read(PATIENT_XML.encode())).decode() == PATIENT_XML


def test_blanks_order_of_attributes_and_prefixes_do_not_matter() -> None:
    text = re.sub(r">\s+<", "><", PATIENT_XML)
    text = text.replace('<given id="g3" value="C"/>', "<given value='C' id='g3'></given>")
    assert write(read(text.encode())).decode() == PATIENT_XML


def test_the_id_of_a_primitive_that_is_written_as_a_child_becomes_an_attribute() -> None:
    text = PATIENT_XML.replace(
        '<gender id="g" value="male"/>', '<gender value="male"><id value="g"/></gender>'
    ).replace('<given id="g3" value="C"/>', '<given value="C"><id value="g3"/></given>')
    assert write(read(text.encode())).decode() == PATIENT_XML


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('<id value="p1"/>', "", "Patient.id"),
        ('<id value="p1"/>', '<id value="p2"/>', "Patient.id"),
        ("<Practitioner>", "<Practitioner><language value='en'/>", "Patient.contained[0].language"),
        ("Practitioner>", "Device>", "Patient.contained[0]"),
        ('<active value="true"/>', '<active value="1"/>', "Patient.contained[0].active"),
        ('"1.50"', '"1.5"', "Patient.extension[0].extension[0].valueDecimal"),
        ('<extension id="e2" ', "<extension ", "Patient.extension[1]"),
        ('<extension url="part"', '<extension url="part" id="new"', "Patient.extension[0].extension[0]"),
        ("&#10;", " ", "Patient.extension[1].valueString"),
        ('<given value="A"/>', '<given value="C"/>', "Patient.name[0].given[0]"),
        ('<given value="A"/>', "", "Patient.name[0].given"),
        ('<given value="A"/>', '<given value="A"/><given value="B"/>', "Patient.name[0].given"),
        ('"unknown"', '"masked"', "Patient.name[0].given[1].extension[0].valueCode"),
        ('<given id="g3" ', "<given ", "Patient.name[0].given[2]"),
        ('<given id="g3" value="C"/>', '<given id="g3"/>', "Patient.name[0].given[2]"),
        ("<family", '<given value="Z"/><family', "Patient.name[0].given"),
        ('value="second"', 'value="second" x="1"', "Patient.name[1].text"),
        ('<text value="second"/>', '<text value="second"/>loose', "Patient.name[1]"),
        ('<text value="second"/>', "<!-- second --><text value='second'/>", "Patient.name[1]"),
        ('<text value="second"/>', "<text xmlns='urn:x' value='second'/>", "Patient.name[1]"),
        ('<gender id="g" value="male"/>', '<gender value="male"/>', "Patient.gender"),
        ('<gender id="g" value="male"/>', '<gender value="male"><id value="h"/></gender>', "Patient.gender"),
        (
            '<gender id="g" value="male"/>',
            '<gender value="male"><id value="g"/>loose</gender>',
            "Patient.gender",
        ),
        (
            '<gender id="g" value="male"/>',
            '<gender value="male"><id value="g" x="1"/></gender>',
            "Patient.gender",
        ),
        ("<b>b</b>", "<i>b</i>", "Patient.text.div"),
        (" c</p>", "c</p>", "Patient.text.div"),
        ("</Patient>", "<active value='true'/></Patient>", "Patient.active"),
    ],
)
def test_xml_that_says_something_else_would_be_noticed_at_its_place(old: str, new: str, where: str) -> None:
    assert old in PATIENT_XML
    with pytest.raises(DifferentError) as raised:
        verify(PATIENT, PATIENT_XML.replace(old, new).encode())
    assert raised.value.where == where


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "<Patient",
        "<a/><b/>",
        '<!DOCTYPE Patient [<!ENTITY e "x">]><Patient xmlns="http://hl7.org/fhir"/>',
        '<!DOCTYPE Patient SYSTEM "file:///etc/passwd"><Patient xmlns="http://hl7.org/fhir"/>',
        '<Patient xmlns="http://hl7.org/fhir"><id value="&e;"/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><id value="&#1;"/></Patient>',
    ],
)
def test_what_is_no_plain_xml_is_refused(text: str) -> None:
    with pytest.raises(OutputError, match=r"malformed XML|document type"):
        read(text.encode())


def test_entities_are_not_resolved() -> None:
    laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(9))
    with pytest.raises(OutputError, match=r"malformed XML|document type"):
        read(f"<!DOCTYPE P [{laughs}]><P>&e8;</P>".encode())


def test_a_value_of_eleven_megabytes_is_read() -> None:
    long = "x" * 11_000_000
    data = f'<Basic xmlns="http://hl7.org/fhir"><language value="{long}"/></Basic>'.encode()
    verify({"resourceType": "Basic", "language": long}, data)


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x0c", "\x1b", "\ufeff", "\ufffe", "\uffff"])
def test_a_character_that_xml_has_not_is_refused_with_its_place(character: str) -> None:
    content = {"resourceType": "Patient", "name": [{"given": ["ok", f"Jane{character}"]}]}
    with pytest.raises(OutputError, match=f"U\\+{ord(character):04X}") as raised:
        check_characters(content)
    assert raised.value.where == "Patient.name[0].given[1]"
    assert "Jane" not in str(raised.value)


def test_all_other_characters_pass() -> None:
    check_characters(
        {"resourceType": "Patient", "language": "\t\n\r \x7f\x85\u2028\ud7ff\ue000\ufffd\U0010ffff"}
    )


# ---- with the engine -------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_lineage", [False, True])
def test_every_sample_is_written_as_xml(engine: Engine, samples: list[Path], keep_lineage: bool) -> None:
    transformer = sr2fhir.Transformer(engine, keep_lineage=keep_lineage, format="xml")
    for sample in samples:
        result = transformer.transform(sample)
        assert result.xml == result.content == to_xml(engine, result.json)
        verify(loads_strict(result.json), result.xml)
        assert result.xml.startswith(
            b'<?xml version="1.0" encoding="UTF-8"?>\n<Bundle xmlns="http://hl7.org/fhir">\n'
        )
        assert result.xml.endswith(b"</Bundle>\n")
        assert not etree.fromstring(result.xml).xpath("//*[@value]/*[local-name()='id']")


def test_every_sample_is_written_as_xml_of_r4(engine: Engine, samples: list[Path]) -> None:
    transformer = sr2fhir.Transformer(engine, target="R4", format="xml")
    for sample in samples:
        result = transformer.transform(sample)
        assert result.xml is not None
        verify(loads_strict(result.json), result.xml)


def test_json_is_the_same_whether_xml_is_wanted_or_not(engine: Engine, samples: list[Path]) -> None:
    plain = sr2fhir.Transformer(engine).transform(samples[0])
    both = sr2fhir.Transformer(engine, format="xml").transform(samples[0])
    assert plain.json == both.json == plain.content
    assert plain.xml is None


def test_the_resource_with_everything_passes_through_the_engine(engine: Engine) -> None:
    assert to_xml(engine, dumped(PATIENT)).decode() == PATIENT_XML


@pytest.mark.parametrize(
    "text", ["12.500", "0.000000135", "0.0000001350", "123456789.12345679", "-0.0", "1E+5"]
)
def test_decimals_keep_their_text(engine: Engine, text: str) -> None:
    content = {"resourceType": "Observation", "valueQuantity": {"value": NumberText(text)}}
    assert f'<value value="{text}"/>'.encode() in to_xml(engine, dumped(content))


def test_each_value_of_a_bundle_is_compared(engine: Engine, samples: list[Path]) -> None:
    """Whichever single value of the JSON is another one than in the XML: it is noticed, at its place."""
    sample = next(path for path in samples if "ct_liver_modifiers" in path.name)
    result = sr2fhir.Transformer(engine, keep_lineage=True, format="xml").transform(sample)
    assert result.xml is not None
    content = loads_strict(result.json)
    content["entry"] = content["entry"][:12]
    tree = etree.fromstring(result.xml)
    for entry in tree[1 + 12 :]:
        tree.remove(entry)
    data = etree.tostring(tree)
    verify(content, data)
    leaves = list(_leaves(content, ()))
    assert len(leaves) > 300
    for place in leaves:
        with pytest.raises(DifferentError):
            verify(_changed(content, place), data)


def _leaves(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Return the place of each value that is no object and no list."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    )
    if members is None:
        if value is not None:
            yield place
        return
    for key, member in members:
        yield from _leaves(member, (*place, key))


def _changed(content: dict[str, Any], place: tuple[Any, ...]) -> dict[str, Any]:
    """Return a copy in which one value is another one."""
    copied = copy.deepcopy(content)
    parent: Any = copied
    for key in place[:-1]:
        parent = parent[key]
    old = parent[place[-1]]
    parent[place[-1]] = not old if isinstance(old, bool) else type(old)(f"{old}1")
    return copied


def dumped(content: Any) -> bytes:
    from sr2fhir.jsontext import dumps

    return dumps(content)


def test_the_example_is_json() -> None:
    """What the tests above start from is what a reader of JSON gives."""
    assert loads_strict(dumped(PATIENT)) == PATIENT
    assert json.loads(dumped(PATIENT))["multipleBirthInteger"] == 2
