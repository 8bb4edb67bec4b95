"""JSON with numbers as text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings, strategies as st
from sr2fhir.jsontext import JsonError, NumberText, dumps, loads_strict

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.text(st.characters(codec="utf-8"))
    | st.integers(-(10**6), 10**6).map(lambda n: NumberText(n)),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), below, max_size=4)
    ),
    max_leaves=20,
)


def wrapped(value, depth=400):
    for _ in range(depth):
        value = {"a": [value, NumberText("1.50")], "b": {}, "c": []}
    return value


def test_numbers_are_written_as_they_stand():
    assert dumps({"value": NumberText("31112.20"), "n": 3}) == b'{"value":31112.20,"n":3}'
    assert dumps(NumberText("1e-30")) == b"1e-30"


@pytest.mark.parametrize("text", ["", "1,5", "01", "+1", ".5", "NaN", "1 ", "-"])
def test_what_is_no_json_number_is_refused(text):
    with pytest.raises(JsonError):
        dumps({"value": NumberText(text)})
    with pytest.raises(JsonError):
        dumps(wrapped({"value": NumberText(text)}))


@pytest.mark.parametrize("value", [{1, 2}, object(), b"x"])
def test_other_values_are_refused(value):
    with pytest.raises(JsonError):
        dumps({"value": value})


@settings(derandomize=True, max_examples=200)
@given(plain)
def test_what_is_written_is_read_again(value):
    assert loads_strict(dumps(value)) == value
    assert loads_strict(dumps(value, indent=True)) == value
    assert json.loads(dumps(value)) == json.loads(dumps(value, indent=True))


@settings(derandomize=True, max_examples=25, deadline=None)
@given(plain)
def test_deep_values_are_written_and_read_the_same_way(value):
    deep = wrapped(value)
    assert loads_strict(dumps(deep)) == deep
    assert loads_strict(dumps(deep, indent=True)) == deep
    shallow = dumps(value)
    assert shallow in dumps(deep)


def test_deep_and_shallow_text_look_the_same():
    one = wrapped({"x": "ä\\n", "y": [True, None]}, 3)
    assert dumps(one, indent=True).decode() == json.dumps(
        json.loads(dumps(one)), indent=2, ensure_ascii=False
    ).replace("1.5\n", "1.50\n")


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        "[1,]",
        "{",
        "[1 2]",
        '{"a" 1}',
        "NaN",
        "[Infinity]",
        '{"a":1} x',
        "",
        "'a'",
        '{"a":,}',
        "[,1]",
        '["a]',
        "\x00",
        "{1:2}",
        "[01]",
    ],
)
def test_what_is_no_strict_json_is_refused(text):
    with pytest.raises(JsonError):
        loads_strict(text)
    with pytest.raises(JsonError):
        loads_strict("[" * 3000 + (text or ",") + "]" * 3000)


def test_bytes_that_are_not_utf_8_are_refused():
    with pytest.raises(JsonError):
        loads_strict(b'{"a":"\xff"}')


def test_numbers_are_read_as_text():
    assert loads_strict('{"a":1.50,"b":[1E3]}') == {"a": "1.50", "b": ["1E3"]}
    assert isinstance(loads_strict("7"), NumberText)
