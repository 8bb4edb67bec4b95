"""What counts as a difference of two Bundles, of which kind it is, and at which path."""

from __future__ import annotations

from typing import Any

import pytest
from sr2fhir.comparing import differences
from sr2fhir.jsontext import dumps, loads_strict


def found(first: str, second: str) -> list[tuple[str, str, Any, Any]]:
    return [tuple(each) for each in differences(loads_strict(first), loads_strict(second))]  # type: ignore[misc]


@pytest.mark.parametrize(
    "text", ['{"a": [1, {"b": null}], "c": true}', "[]", '"x"', "1.50", '{"entry": [{"fullUrl": "u:1"}]}']
)
def test_equal_values_do_not_differ(text: str) -> None:
    assert found(text, text) == []


def test_the_order_of_members_has_no_meaning() -> None:
    assert found('{"a": 1, "b": 2}', '{"b": 2, "a": 1}') == []


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ('{"a": {"b": ["x", "y"]}}', '{"a": {"b": ["x", "z"]}}', [("Bundle.a.b[1]", "value", "y", "z")]),
        ('{"a": ["x", "y"]}', '{"a": ["x"]}', [("Bundle.a[1]", "missing", "y", None)]),
        ('{"a": ["x"]}', '{"a": ["x", "y"]}', [("Bundle.a[1]", "surplus", None, "y")]),
        (
            '{"a": ["x", "y"]}',
            '{"a": ["y", "x"]}',
            [("Bundle.a[0]", "value", "x", "y"), ("Bundle.a[1]", "value", "y", "x")],
        ),
        ('{"a": "1"}', "{}", [("Bundle.a", "missing", "1", None)]),
        ("{}", '{"a": "1"}', [("Bundle.a", "surplus", None, "1")]),
        ('{"a": "1"}', '{"a": 1}', [("Bundle.a", "value", "1", "1")]),
        ('{"a": true}', '{"a": 1}', [("Bundle.a", "value", True, "1")]),
        ('{"a": {}}', '{"a": []}', [("Bundle.a", "value", {}, [])]),
        ('{"a": null}', "{}", [("Bundle.a", "missing", None, None)]),
    ],
)
def test_each_difference_is_named(first: str, second: str, expected: list[Any]) -> None:
    assert found(first, second) == expected


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("123456789.12345679", "123456789.1234568", "precision"),
        ("1.50", "1.5", "precision"),
        ("0.0", "0", "precision"),
        ("0.0", "-0.0", "sign"),
        ("0.0", "-0", "precision"),
        ("1.00000000000001", "1.00000000000002", "value"),
        ("0.1", "-0.1", "value"),
        ("12345678901234567890", "12345678901234567891", "precision"),
    ],
)
def test_numbers_that_agree_as_far_as_a_double_goes_are_told_apart(
    first: str, second: str, kind: str
) -> None:
    assert [each[1] for each in found(first, second)] == [kind]


@pytest.mark.parametrize(
    ("second", "kinds"),
    [
        ("<div><p>Befund</p></div>", ["markup"]),
        ('<div xmlns="http://www.w3.org/1999/xhtml"><p>Befund</p></div>', ["markup"]),
        ("<div><p>Fund</p></div>", ["value"]),
        ('<div><p lang="de">Befund</p></div>', ["value"]),
        ("<p>Befund</p>", ["value"]),
    ],
)
def test_a_narrative_with_other_attributes_of_its_root_is_markup(second: str, kinds: list[str]) -> None:
    first = '<div xmlns="http://www.w3.org/1999/xhtml" lang="de-AT" xml:lang="de-AT"><p>Befund</p></div>'
    assert [each[1] for each in found(dumps(first).decode(), dumps(second).decode())] == kinds


def bundle(*names: str, **changes: str) -> str:
    entries = (
        f'{{"fullUrl": "u:{name}", "resource": {{"resourceType": "Basic", "id": "{name}", '
        f'"language": "{changes.get(name, "en")}"}}}}'
        for name in names
    )
    return f'{{"entry": [{", ".join(entries)}]}}'


def test_a_missing_entry_does_not_make_those_after_it_differ() -> None:
    assert found(bundle("a", "b", "c"), bundle("a", "c")) == [("Bundle.entry[1]", "missing", "Basic/b", None)]
    assert found(bundle("a", "c"), bundle("a", "b", "c")) == [("Bundle.entry[1]", "surplus", None, "Basic/b")]


def test_entries_in_another_order_are_one_difference() -> None:
    assert found(bundle("a", "b", "c"), bundle("b", "a", "c", c="de")) == [
        ("Bundle.entry[2].resource.language", "value", "en", "de"),
        ("Bundle.entry", "order", ["u:a", "u:b", "u:c"], ["u:b", "u:a", "u:c"]),
    ]


def test_entries_with_the_same_url_are_compared_one_by_one() -> None:
    assert found(bundle("a", "a"), bundle("a")) == [
        (
            "Bundle.entry[1]",
            "missing",
            {"fullUrl": "u:a", "resource": {"resourceType": "Basic", "id": "a", "language": "en"}},
            None,
        )
    ]
