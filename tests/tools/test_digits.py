"""The digits of numbers, past an engine that reads decimals as binary doubles."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st
from tools.fml_engine import Digits

WHOLE = st.integers(0, 10**20).map(str)
TEXTS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    WHOLE,
    st.one_of(st.just(""), st.from_regex(r"\.[0-9]{1,20}", fullmatch=True)),
    st.sampled_from(["", "", "", "e5", "E-30", "e+200"]),
)


def past_doubles(document: str) -> str:
    """Return a document as it comes back."""
    digits = Digits()
    through = json.dumps(json.loads(digits.sent(document.encode())))
    return digits.restored(through.encode()).decode()


@given(st.lists(TEXTS, max_size=30))
def test_any_number_keeps_its_text(texts: list[str]) -> None:
    document = f"[{', '.join(texts)}]"
    assert past_doubles(document) == document


@pytest.mark.parametrize(
    "text",
    [
        "-0",
        "0.0, 0.00, -0.0, 0e0",
        "1.0, 1.00, 1.000, 0.999999999999999999",
        "1.5e999",
        "1e300, 1E300, 1e+300",
    ],
)
def test_texts_of_the_same_value_are_told_apart(text: str) -> None:
    digits = Digits()
    sent = digits.sent(f"[{text}]".encode())
    assert digits.restored(sent) == f"[{text}]".encode()
    values = json.loads(sent)
    assert len(set(values)) == len(values)


def test_each_stands_near_its_decimal_and_integers_and_strings_stay() -> None:
    document = rb'{"1.50": 1.50, "a": "\" 1.50 \\", "b": [1.5, 2, -7, 123456789012345678]}'
    sent = json.loads(Digits().sent(document))
    assert sent["1.50"] == 1.5
    assert sent["a"] == '" 1.50 \\'
    assert sent["b"][0] == pytest.approx(1.5, rel=1e-13)
    assert sent["b"][0] != 1.5
    assert sent["b"][1:] == [2, -7, 123456789012345678]
    assert [type(value) for value in sent["b"][1:]] == [int, int, int]


def test_an_engine_that_is_off_by_a_little_changes_nothing() -> None:
    digits = Digits()
    digits.sent(b"[0.30, 123456789.12345679]")
    assert digits.restored(b"[0.30000000000000004, 123456789.12345681]") == b"[0.30, 123456789.12345679]"


def test_what_is_no_json_comes_back_as_it_was() -> None:
    for broken in (b'{"a": 1.50', b"1-2", b'"1.50', b"[1.5.0]", b"\xff 1.0.0"):
        digits = Digits()
        assert digits.restored(digits.sent(broken)) == broken


def test_decimals_that_no_double_holds_do_not_take_each_others_place() -> None:
    digits = Digits()
    sent = digits.sent(b"[1e301,5e305]")
    assert sent == digits.restored(sent) == b"[1e301,5e305]"
