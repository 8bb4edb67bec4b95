"""One document through several engines: what is compared, and what becomes of engines that fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sr2fhir
from sr2fhir import engines
from sr2fhir.comparing import Difference, compare, reach
from sr2fhir.engines import EngineOptions
from sr2fhir.errors import EngineUnavailableError, TransformError, UsageError

from tests.engines.registered import register

from .doubles import Altered

if TYPE_CHECKING:
    from sr2fhir.engines import Engine
    from sr2fhir.model import Rendering


@pytest.fixture(scope="module")
def rendering(samples: list[Path]) -> Rendering:
    return sr2fhir.render(samples[-1])


def refusing(_: bytes) -> bytes:
    raise TransformError("a map failed")


def gone(_: bytes) -> bytes:
    raise EngineUnavailableError("it has gone")


def test_engines_that_agree_do_not_differ(engine: Engine, rendering: Rendering) -> None:
    spaced = Altered(engine, lambda data: data.replace(b'"type":"collection"', b' "type" : "collection" '))
    comparison = compare("a", rendering, {"one": engine, "two": spaced})
    assert comparison.engines == ("one", "two")
    assert comparison.disagreements == ()
    assert comparison.error is None


def test_a_difference_names_engines_path_and_both_values(engine: Engine, rendering: Rendering) -> None:
    other = Altered(engine, lambda data: data.replace(b'"gender":"female"', b'"gender":"male"'))
    [found] = compare("a", rendering, {"one": engine, "two": engine, "three": other}).unexpected
    assert (found.first, found.second, found.reason) == ("one", "three", None)
    assert found.difference == Difference("Bundle.entry[0].resource.gender", "value", "female", "male")


def test_a_known_difference_has_its_reason(engine: Engine, rendering: Rendering) -> None:
    zero, minus = (
        Altered(engine, lambda data, text=text: data.replace(b'"value":31112.2', b'"value":' + text))
        for text in (b"0.0", b"-0.0")
    )
    comparison = compare("a", rendering, {"embedded": zero, "fml": minus})
    assert [each.difference.kind for each in comparison.disagreements] == ["sign"]
    assert comparison.disagreements[0].reason
    assert comparison.unexpected == ()
    assert compare("a", rendering, {"embedded": zero, "validator": minus}).unexpected


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (refusing, "a map failed"),
        (lambda data: data[:-2], "malformed JSON"),
        (lambda _: b"{}", "not a Bundle"),
    ],
)
def test_an_engine_that_fails_alone_differs(
    engine: Engine, rendering: Rendering, change: Callable[[bytes], bytes], said: str
) -> None:
    comparison = compare("a", rendering, {"one": engine, "two": Altered(engine, change)})
    [found] = comparison.unexpected
    assert (found.difference.path, found.difference.kind) == ("Bundle", "failure")
    assert found.difference.first == "a Bundle of 15 entries"
    assert said in found.difference.second
    assert comparison.error is None


def test_engines_that_all_fail_do_not_differ_but_it_is_told(engine: Engine, rendering: Rendering) -> None:
    failing = Altered(engine, refusing)
    comparison = compare("a", rendering, {"one": failing, "two": failing})
    assert comparison.disagreements == ()
    assert isinstance(comparison.error, TransformError)


def test_an_engine_that_has_gone_ends_the_comparison(engine: Engine, rendering: Rendering) -> None:
    with pytest.raises(EngineUnavailableError, match="it has gone"):
        compare("a", rendering, {"one": engine, "two": Altered(engine, gone)})


def test_reach_answers_the_engine_or_why_not(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: EngineOptions) -> Engine:
        raise EngineUnavailableError("nobody is there")

    register(monkeypatch, present=lambda _: engine, absent=absent)
    assert reach("present", EngineOptions()) is engine
    assert "nobody is there" in str(reach("absent", EngineOptions()))
    assert engines.names()[-2:] == ("present", "absent")
    with pytest.raises(UsageError, match="there is no engine 'unheard-of'"):
        reach("unheard-of", EngineOptions())
