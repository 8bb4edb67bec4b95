"""What a server has to hold: compared by content, and put there where that is allowed."""

from __future__ import annotations

import copy
import json
import logging
from typing import Any

import pytest
from sr2fhir.engines.hapi import installation
from sr2fhir.engines.hapi.installation import MAP, Part
from sr2fhir.errors import EngineUnavailableError
from sr2fhir.paths import Layout, layout
from sr2fhir.settings import CANONICAL

from tests.engines.conftest import ENTRY_MAP

from .conftest import Make
from .replay import Asked, Fhir, Reply, recorded, resource

DOCUMENT = b'{"resourceType":"DicomSR"}'


def maps(needed: list[Part]) -> list[Part]:
    return [part for part in needed if part.kind == MAP]


def one(needed: list[Part], url: str) -> Part:
    return next(part for part in needed if part.url == url)


def changed(part: Part, **members: Any) -> dict[str, Any]:
    return copy.deepcopy(part.content) | members


MODEL = f"{CANONICAL}/StructureDefinition/DicomSR"


def test_transforms_need_the_model_the_maps_and_the_concept_maps_they_name(needed: list[Part]) -> None:
    urls = [part.url for part in needed]
    assert {MODEL, f"{CANONICAL}/StructureDefinition/DicomContentItem"} <= set(urls)
    assert f"{CANONICAL}/ConceptMap/dicom-sex-to-administrative-gender" in urls
    named = [url for part in maps(needed) for url in translations(part.content)]
    assert named
    assert set(named) <= set(urls)
    assert {part.url for part in maps(needed)} == {
        json.loads(file.read_bytes())["url"] for file in layout().compiled_maps.glob("*.json")
    }
    assert urls[-1] == ENTRY_MAP
    assert len(urls) == len(set(urls))


def translations(content: Any) -> list[str]:
    """List the ConceptMaps that a map translates by."""
    if isinstance(content, list):
        return [url for member in content for url in translations(member)]
    if not isinstance(content, dict):
        return []
    own = [content["parameter"][1]["valueString"]] if content.get("transform") == "translate" else []
    return own + [url for member in content.values() for url in translations(member)]


def test_without_compiled_maps_set_up_is_asked_for(tmp_path: Any) -> None:
    with pytest.raises(EngineUnavailableError, match="sr2fhir setup"):
        installation.for_transforming(Layout(tmp_path, tmp_path))


def test_a_part_equals_what_a_real_server_made_of_it() -> None:
    found = json.loads(recorded("search-found").body)["entry"][0]["resource"]
    sent = {name: value for name, value in found.items() if name not in ("meta", "text")}
    assert found.keys() > sent.keys()
    part = Part(layout().compiled_maps / "VisualExplanation.json")
    part.__dict__["content"] = sent
    assert installation.is_same(part.content, found)
    assert not installation.is_same(part.content, found | {"status": "retired"})


def test_an_empty_server_is_named_with_count_first_and_remedy(
    make: Make, fhir: Fhir, base: str, needed: list[Part]
) -> None:
    fhir.held.clear()
    with pytest.raises(EngineUnavailableError) as caught:
        make().transform(DOCUMENT, ENTRY_MAP)
    message = str(caught.value)
    assert f"engine hapi at {base}" in message
    assert f"{needed[0]} is missing, and {len(needed) - 1} of {len(needed) - 1} others" in message
    assert "--engine-install" in message
    assert fhir.lines("PUT") == []


def test_an_empty_server_is_given_everything_the_entry_map_last(
    make: Make, fhir: Fhir, needed: list[Part]
) -> None:
    fhir.held.clear()
    make(install=True).transform(DOCUMENT, ENTRY_MAP)
    assert fhir.lines("PUT") == [part.path for part in needed]
    assert fhir.lines("PUT")[-1] == "/StructureMap/MeasurementReport"
    assert fhir.held == {part.url: part.content for part in needed}
    assert fhir.asked[-1].method == "POST"


def test_a_second_engine_finds_it_all_there(make: Make, fhir: Fhir, needed: list[Part]) -> None:
    fhir.held.clear()
    for install in (True, True, False):
        make(install=install).transform(DOCUMENT, ENTRY_MAP)
    assert len(fhir.lines("PUT")) == len(needed)


def test_a_stale_map_is_noticed(make: Make, fhir: Fhir, needed: list[Part]) -> None:
    stale = maps(needed)[3]
    fhir.put(changed(stale, group=stale.content["group"][:1]) | {"description": "an older release"})
    with pytest.raises(EngineUnavailableError, match=f"{stale} differs from ours. Allow"):
        make().transform(DOCUMENT, ENTRY_MAP)


def test_the_same_map_of_another_version_is_noticed(make: Make, fhir: Fhir, needed: list[Part]) -> None:
    model = one(needed, MODEL)
    fhir.put(changed(model, version="0.9.0"))
    with pytest.raises(EngineUnavailableError, match="StructureDefinition DicomSR differs"):
        make().transform(DOCUMENT, ENTRY_MAP)


def test_if_one_map_is_put_all_are_since_a_server_keeps_what_maps_call(
    make: Make, fhir: Fhir, needed: list[Part]
) -> None:
    fhir.put(changed(maps(needed)[3], title="older"))
    make(install=True).transform(DOCUMENT, ENTRY_MAP)
    assert fhir.lines("PUT") == [part.path for part in maps(needed)]


def test_a_map_that_was_put_after_its_callers_has_them_put_again(
    make: Make, fhir: Fhir, needed: list[Part]
) -> None:
    fhir.times[maps(needed)[3].url] = "2030-01-01T00:00:00.000+00:00"
    make().transform(DOCUMENT, ENTRY_MAP)
    assert fhir.lines("PUT") == []
    make(install=True).transform(DOCUMENT, ENTRY_MAP)
    assert fhir.lines("PUT") == [part.path for part in maps(needed)]


def test_of_the_others_only_what_changed_is_put(make: Make, fhir: Fhir, needed: list[Part]) -> None:
    concept_map = one(needed, f"{CANONICAL}/ConceptMap/dicom-sex-to-administrative-gender")
    fhir.put(changed(concept_map, group=[]))
    make(install=True).transform(DOCUMENT, ENTRY_MAP)
    assert fhir.lines("PUT") == [concept_map.path]


@pytest.mark.parametrize("status", [400, 403, 405, 422])
def test_a_server_that_may_not_be_written_to_is_named(
    make: Make, fhir: Fhir, needed: list[Part], status: int
) -> None:
    fhir.held.clear()
    fhir.instead[f"PUT {needed[0].path}"] = Reply(status)
    with pytest.raises(
        EngineUnavailableError, match=rf"store {needed[0]} \(status {status}\).*onlyOneEngine"
    ):
        make(install=True).transform(DOCUMENT, ENTRY_MAP)
    assert fhir.lines("POST") == []


def test_what_was_put_is_logged(
    make: Make, fhir: Fhir, needed: list[Part], caplog: pytest.LogCaptureFixture
) -> None:
    fhir.held.pop(needed[0].url)
    with caplog.at_level(logging.INFO, "sr2fhir"):
        make(install=True).transform(DOCUMENT, ENTRY_MAP)
    assert [record.message for record in caplog.records if "stored" in record.message] == [
        f"{make().label()}: stored {needed[0]}"
    ]


# ---- after installing --------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no server that files late."""
    monkeypatch.setattr(installation, "_CONFIRM_S", 0.0)
    monkeypatch.setattr(installation, "_PAUSE_S", 0.0)


def found_besides(fhir: Fhir, copy: dict[str, Any]) -> None:
    """Let the server find a copy of a definition besides the one under our id."""

    def search(asked: Asked) -> Reply:
        usual = fhir.usual(asked)
        if asked.query.get("url") != copy["url"]:
            return usual
        bundle = json.loads(usual.body)
        bundle["entry"] = [*bundle.get("entry", []), {"resource": copy}]
        return resource(bundle)

    fhir.instead["GET /StructureMap"] = search


@pytest.mark.usefixtures("impatient")
def test_an_older_copy_under_another_id_is_named_after_installing(
    make: Make, fhir: Fhir, base: str, needed: list[Part]
) -> None:
    part = maps(needed)[3]
    found_besides(fhir, changed(part, id="old-one", group=[]))
    with pytest.raises(EngineUnavailableError) as caught:
        make(install=True).transform(DOCUMENT, ENTRY_MAP)
    message = str(caught.value)
    assert f"engine hapi at {base}: {part} was put there" in message
    assert f"{part.url} leads to another copy too, StructureMap/old-one" in message
    assert "Remove StructureMap/old-one there" in message
    assert fhir.lines("POST") == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", [None, 7, "../\x1b[2J"])
def test_a_copy_without_a_proper_id_is_named_by_its_url(
    make: Make, fhir: Fhir, needed: list[Part], name: object
) -> None:
    part = maps(needed)[3]
    found_besides(fhir, changed(part, id=name, group=[]))
    with pytest.raises(EngineUnavailableError, match=r"leads not to it\. A server that keeps") as caught:
        make(install=True).transform(DOCUMENT, ENTRY_MAP)
    assert part.url in str(caught.value)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_stores_nothing_is_named(make: Make, fhir: Fhir, needed: list[Part]) -> None:
    missing = maps(needed)[3]
    fhir.held.pop(missing.url)
    fhir.instead[f"PUT {missing.path}"] = Reply(200)
    with pytest.raises(EngineUnavailableError, match=f"{missing} was put there, but its URL"):
        make(install=True).transform(DOCUMENT, ENTRY_MAP)


def test_a_server_that_files_a_moment_later_is_waited_for(
    make: Make, fhir: Fhir, needed: list[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "_PAUSE_S", 0.01)
    old = changed(maps(needed)[3], title="older")
    fhir.put(old)
    looks: list[Asked] = []

    def search(asked: Asked) -> Reply | None:
        if asked.query["url"] != old["url"]:
            return fhir.usual(asked)
        looks.append(asked)
        return late if len(looks) < 4 else fhir.usual(asked)

    late = fhir.found(old["url"])
    fhir.instead["GET /StructureMap"] = search
    make(install=True).transform(DOCUMENT, ENTRY_MAP)
    assert len(looks) == 4
    assert {asked.headers["Cache-Control"] for asked in looks} == {"no-cache"}


def test_a_server_that_writes_a_map_in_its_own_way_is_believed(
    make: Make, fhir: Fhir, needed: list[Part]
) -> None:
    part = maps(needed)[3]

    def put(asked: Asked) -> Reply:
        assert asked.headers["Prefer"] == "return=representation"
        own = json.loads(asked.body) | {"experimental": False}
        fhir.put(own)
        return resource(own)

    fhir.put(changed(part, title="older"))
    fhir.instead[f"PUT {part.path}"] = put
    make(install=True).transform(DOCUMENT, ENTRY_MAP)
    assert fhir.lines("POST")
