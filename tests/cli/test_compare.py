"""`sr2fhir compare`: which engines it takes, what it prints, and its exit codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sr2fhir import engines
from sr2fhir.cli import main as cli
from sr2fhir.cli.compare import parsed, shown
from sr2fhir.engines import EngineOptions
from sr2fhir.errors import EngineUnavailableError, UsageError
from sr2fhir.jsontext import NumberText

from tests.comparing.doubles import Altered
from tests.engines.registered import register

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

Printed = Callable[..., tuple[int, list[str], str]]
SAMPLE = "real_hl7_dicom_sr_ig_example.json"


def same(data: bytes) -> bytes:
    return data


@pytest.fixture
def table(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> dict[str, EngineOptions]:
    """Put engines into the table that no test has to wait for; return the options with which each was made."""
    asked: dict[str, EngineOptions] = {}
    changes: dict[str, Callable[[bytes], bytes]] = {
        "first": same,
        "second": same,
        "odd": lambda data: data.replace(b'"gender":"female"', b'"gender":"male"'),
    }

    def maker(name: str) -> Callable[[EngineOptions], Altered]:
        def make(options: EngineOptions) -> Altered:
            asked[name] = options
            if name == "absent":
                raise EngineUnavailableError("nobody is there", hint="Start it")
            return Altered(engine, changes[name])

        return make

    makers = {name: maker(name) for name in (*changes, "absent")}
    register(monkeypatch, **makers)
    monkeypatch.setattr(engines, "names", lambda: tuple(makers))
    return asked


@pytest.fixture
def printed(
    table: dict[str, EngineOptions], samples_dir: Path, capsys: pytest.CaptureFixture[str]
) -> Printed:
    """Return a function that compares one sample and returns exit code, lines, and what stands in stderr."""

    def run(*arguments: str) -> tuple[int, list[str], str]:
        code = cli.main(["compare", *arguments, "--inputs", str(samples_dir / SAMPLE)])
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err

    return run


def test_engines_that_agree(printed: Printed) -> None:
    code, lines, _ = printed("first", "second")
    assert code == 0
    assert lines[:2] == ["first  altered 1.0", "second  altered 1.0"]
    assert lines[2].endswith(f"{SAMPLE}  the same")
    assert lines[3].startswith(
        "1 input on first, second: 1 the same, 0 with known differences, 0 with others"
    )


def test_a_difference_names_input_path_and_both_values(printed: Printed) -> None:
    code, lines, _ = printed("first", "odd")
    assert code == 1
    assert lines[2].endswith(f"{SAMPLE}  different")
    assert lines[3].strip() == 'first | odd  Bundle.entry[0].resource.gender  value: "female" | "male"'
    assert "1 with others" in lines[4]


def test_values_can_be_hidden(printed: Printed) -> None:
    code, lines, _ = printed("first", "odd", "--hide-values")
    assert code == 1
    assert lines[3].strip() == "first | odd  Bundle.entry[0].resource.gender  value"
    assert "female" not in "".join(lines)


def test_quiet_leaves_out_what_is_the_same(printed: Printed) -> None:
    _, lines, _ = printed("first", "second", "--quiet")
    assert SAMPLE not in "".join(lines)
    assert SAMPLE in "".join(printed("first", "odd", "--quiet")[1])


def test_without_names_all_that_are_available_are_taken(printed: Printed) -> None:
    code, lines, _ = printed()
    assert code == 1
    assert "absent  not available: nobody is there. Start it" in lines
    assert "on first, second, odd: " in lines[-1]
    assert sum("gender" in line for line in lines) == 1


def test_an_engine_that_is_named_has_to_be_there(printed: Printed) -> None:
    code, _, error = printed("first", "second", "absent")
    assert (code, error) == (3, "sr2fhir: nobody is there. Start it\n")


def test_one_engine_is_not_enough(printed: Printed) -> None:
    code, lines, error = printed("first")
    assert code == 3
    assert lines == ["first  altered 1.0"]
    assert "two are needed" in error


@pytest.mark.parametrize("arguments", [("first", "unheard-of"), ("first", "first"), ("first", "=http://x")])
def test_wrong_names_are_wrong_use(printed: Printed, arguments: tuple[str, ...]) -> None:
    code, _, error = printed(*arguments)
    assert code == 2
    assert "engine" in error


def test_each_engine_has_a_url_of_its_own(printed: Printed, table: dict[str, EngineOptions]) -> None:
    printed("first", "second=http://localhost:8080/fhir?a=b", "--engine-timeout", "7", "--engine-install")
    assert table["first"] == EngineOptions(batch=True, timeout_s=7.0, settings={"install": "yes"})
    assert table["second"].url == "http://localhost:8080/fhir?a=b"


def test_what_cannot_be_rendered_fails_and_the_others_go_on(
    table: dict[str, EngineOptions],
    samples_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"no DICOM")
    assert cli.main(["compare", "first", "second", "--inputs", str(bad), str(samples_dir / SAMPLE)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "bad.dcm" in lines[2]
    assert lines[3].endswith("the same")
    assert lines[4].endswith("1 without a Bundle")


def test_the_samples_are_the_default(
    table: dict[str, EngineOptions], samples_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = len([path for path in samples_dir.rglob("*") if path.suffix in (".dcm", ".json")])
    assert cli.main(["compare", "first", "second"]) == 0
    assert f"{number} inputs on first, second: {number} the same" in capsys.readouterr().out


def test_names_and_urls() -> None:
    assert parsed(["a", "b=http://x/?q=1"]) == {"a": None, "b": "http://x/?q=1"}
    with pytest.raises(UsageError, match="a is named twice"):
        parsed(["a", "a=http://x"])


def test_values_are_written_as_json_and_cut() -> None:
    assert shown(None) == "-"
    assert shown(NumberText("1.50")) == "1.50"
    assert shown({"a": ["ä"]}) == '{"a":["ä"]}'
    assert shown("x" * 200) == '"' + "x" * 79 + "…"
