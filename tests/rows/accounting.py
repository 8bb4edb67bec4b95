"""Mark the tests of rows, and count at the end of a run which rows of the mapping specification passed.

A plugin of pytest, named in tests/conftest.py: where the tests run in several processes, only their parent
sees all results, and it does not read the conftest beside this file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from tools.guide import rows

from tests.published import PUBLISHED

FOLDER = Path(__file__).parent
PROPERTY = "row of the mapping specification"
ROWS = pytest.StashKey[dict[str, bool]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "row(id, ...): shows these rows of the mapping specification, sections 3 and 7"
    )
    config.stash[ROWS] = {}
    config.pluginmanager.register(Results(config.stash[ROWS]))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Carry the ids of a test's rows along with its result."""
    for item in items:
        for marker in item.iter_markers(rows.MARKER):
            item.user_properties += [(PROPERTY, str(each)) for each in marker.args]


class Results:
    """Note for each row whether all its tests passed."""

    def __init__(self, rows: dict[str, bool]) -> None:
        self._rows = rows

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY and (report.when == "call" or not report.passed):
                self._rows[str(value)] = self._rows.get(str(value), True) and report.passed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the count, and what the Bundles are validated against, where any row was tested."""
    if config.stash[ROWS]:
        for line in summaries(config.stash[ROWS], rows.sections(FOLDER)):
            terminalreporter.write_line(line)
        terminalreporter.write_line(checked_against(PUBLISHED))


def checked_against(published: Path) -> str:
    """Say by which definitions the Bundles of the row tests are validated once all of them are there."""
    if published.is_dir():
        return "Bundles of row tests: validated against our definitions, the published ones, and in R4"
    place = f"../{published.parent.name}/{published.name}"
    return f"Bundles of row tests: not validated against the published guide, which is not at hand ({place})"


def summaries(results: dict[str, bool], sections: Iterable[rows.Section]) -> Iterator[str]:
    """Count the rows of section 3, and those of each section of its own, by its title."""
    groups: dict[str, list[rows.Row]] = {}
    for section in sections:
        title = section.title if section.title.isupper() else section.title.lower()
        name = "spec section 3" if section.number.startswith("3.") else title
        groups.setdefault(name, []).extend(section.rows)
    for what, known in groups.items():
        yield f"rows of {what}: {summary(results, known)}"


def summary(results: dict[str, bool], known: list[rows.Row]) -> str:
    """Count the rows: all, those whose tests passed, those with a reason; and, if there are, what is missing."""
    passed = sum(results.get(row.id, False) for row in known)
    failed = sum(not results.get(row.id, True) for row in known)
    reasons = sum(bool(row.reason) for row in known)
    rest = {"failed": failed, "not run": len(known) - passed - failed - reasons}
    counts = [f"{len(known)} rows", f"{passed} tested", f"{reasons} with a reason"]
    return ", ".join(counts + [f"{n} {what}" for what, n in rest.items() if n])
