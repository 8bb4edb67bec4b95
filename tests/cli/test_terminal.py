"""Lines for people: in what the terminal can show, one line each, and never a bar where nobody looks."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from sr2fhir.cli.terminal import Terminal, duration, file_line, printable, rate_lines, show, summary_lines
from sr2fhir.errors import NotDicomError
from sr2fhir.outcome import listed, plural
from sr2fhir.runs import FileResult, Summary
from sr2fhir.settings import MADO, R4, Target


class Screen(io.TextIOWrapper):
    """A stream of some encoding that may be a terminal."""

    def __init__(self, encoding: str = "utf-8", *, live: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding)
        self.live = live

    def isatty(self) -> bool:
        return self.live

    @property
    def text(self) -> str:
        self.flush()
        content = self.buffer.raw if isinstance(self.buffer, io.BufferedWriter) else self.buffer
        assert isinstance(content, io.BytesIO)
        return content.getvalue().decode(self.encoding)


GOOD = FileResult("b/ä.dcm", "out/b/ä.dcm.bundle.json", resources=15, warnings=1)
FAULTY = FileResult("c.dcm", "out/c.dcm.bundle.json", resources=1, errors=2)
BAD = FileResult(
    "d.dcm", "out/d.dcm.outcome.json", error=NotDicomError("not DICOM", source="d.dcm", hint="Give DICOM")
)


def test_a_line_says_what_became_of_an_input() -> None:
    terminal = Terminal(Screen())
    assert file_line(GOOD, terminal) == "✔ b/ä.dcm  15 resources, 1 warning  → out/b/ä.dcm.bundle.json"
    assert file_line(FAULTY, terminal) == "✘ c.dcm  1 resource, 2 errors  → out/c.dcm.bundle.json"
    assert file_line(BAD, terminal) == "✘ d.dcm  not DICOM. Give DICOM"


def test_ascii_where_the_encoding_lacks_signs() -> None:
    screen = Screen("ascii")
    terminal = Terminal(screen)
    terminal.line(file_line(GOOD, terminal))
    assert screen.text == "ok b/?.dcm  15 resources, 1 warning  -> out/b/?.dcm.bundle.json\n"


def test_an_unforeseen_error_tells_its_type_and_not_its_text() -> None:
    try:
        raise KeyError("Muster^Max")
    except KeyError as error:
        line = file_line(FileResult("x", error=error), Terminal(Screen()))
    assert "KeyError" in line
    assert "--log-level debug" in line
    assert "Muster" not in line


def test_control_characters_in_names_stay_on_their_line() -> None:
    assert printable("a\nb\x1b[2J") == "a\\x0ab\\x1b[2J"


def test_quiet_shows_failures_only() -> None:
    screen = Screen()
    summary = Summary()
    show([GOOD, FAULTY, BAD], summary, Terminal(screen), lambda: 3, quiet=True)
    assert [line.split()[1] for line in screen.text.splitlines()] == ["c.dcm", "d.dcm"]
    assert (summary.files, summary.failed, summary.errors, summary.ok) == (3, 1, 2, False)


@pytest.mark.parametrize("live", [False, True])
def test_each_input_has_its_line_with_and_without_a_bar(live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen(live=live)
    show([GOOD, BAD], Summary(), Terminal(screen), lambda: 2, quiet=False)
    assert "✔ b/ä.dcm  15 resources, 1 warning  → out/b/ä.dcm.bundle.json" in screen.text
    assert "✘ d.dcm  not DICOM. Give DICOM" in screen.text
    assert ("transforming" in screen.text) == live


def test_there_is_no_bar_where_rich_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sr2fhir.cli.terminal.find_spec", lambda name: None)
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen(live=True)
    show([GOOD], Summary(), Terminal(screen), lambda: 1, quiet=False)
    assert screen.text == "✔ b/ä.dcm  15 resources, 1 warning  → out/b/ä.dcm.bundle.json\n"


def test_the_summary_says_what_to_do_next() -> None:
    summary = Summary()
    for result in (GOOD, BAD):
        summary.add(result)
    first, *more = summary_lines(summary, Path("out"), validated=False)
    assert first == "2 inputs: 1 transformed, 1 failed; 15 resources, 0 errors, 1 warning"
    assert any("outcome" in line and "out" in line for line in more)
    assert more[-1] == "Next: check the Bundles with `sr2fhir validate out`"
    assert list(summary_lines(summary, None, validated=False)) == [first]


@pytest.mark.parametrize("target", [R4, MADO], ids=lambda each: each.name)
def test_the_next_step_names_the_version_that_bundles_do_not_state(target: Target) -> None:
    summary = Summary()
    summary.add(GOOD)
    *_, last = summary_lines(summary, Path("out"), validated=False, target=target)
    assert last == "Next: check the Bundles with `sr2fhir validate out --fhir R4`"


def test_the_summary_of_a_run_that_was_gone_on_with() -> None:
    summary = Summary(skipped=1, repeated=2, differing=1)
    summary.resume(GOOD)
    summary.add(BAD)
    first, *more = summary_lines(summary, Path("out"), validated=False, ndjson=True)
    assert first.startswith("2 inputs (1 of them before the interruption): 1 transformed, 1 failed; ")
    text = "\n".join(more)
    assert "2 resources stood in an earlier input too and were written once" in text
    assert "1 resource repeats an id with other content" in text
    assert "out/OperationOutcome.ndjson" in text
    assert "sr2fhir validate" not in text


@pytest.mark.parametrize("live", [False, True])
def test_the_rate_is_for_a_terminal_only(live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept in a file is the same for the same inputs."""
    monkeypatch.setenv("TERM", "xterm")
    summary = Summary(files=12, resumed=2)
    lines = list(rate_lines(summary, 5.0, Terminal(Screen(live=live))))
    assert lines == (["10 inputs in 5.0 s, 2.0 a second"] if live else [])


def test_times() -> None:
    assert [duration(seconds) for seconds in (0.44, 59.2, 60, 125.4, 3600, 7264)] == [
        "0.4 s",
        "59.2 s",
        "1 min 0 s",
        "2 min 5 s",
        "1 h 0 min",
        "2 h 1 min",
    ]


def test_the_bar_counts_what_was_done_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    screen, summary = Screen(live=True), Summary(resumed=7, files=7)
    show([GOOD, BAD], summary, Terminal(screen), lambda: 9, quiet=False)
    assert "9/9" in screen.text
    assert "/s" in screen.text


def test_counts() -> None:
    assert plural(1, "input") == "1 input"
    assert plural(2_000, "input") == "2,000 inputs"
    assert listed((0, "error"), (1, "warning")) == "1 warning"
