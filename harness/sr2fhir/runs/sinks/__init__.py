"""Where results go. A sink is a module here and a row in `SINKS`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sr2fhir.packaging import Format
    from sr2fhir.pipeline import Result
    from sr2fhir.runs.jobs import Jobs
    from sr2fhir.runs.results import Summary, Written

# Within a folder of results: what a run needs that is not at its end.
WORK_FOLDER = ".sr2fhir"


class Sink(Protocol):
    """Take results and failures, in whatever process they come about."""

    def write(self, result: Result) -> Written:
        """Write what came of an input, or return the lines that are to be written at the end."""
        ...

    def fail(self, name: str, error: Exception) -> Written:
        """Do so with the OperationOutcome of an input that failed."""
        ...


class SharedSink(Sink, Protocol):
    """Take the results of many inputs. What follows is called in one process only."""

    def keep(self, written: Written) -> Written:
        """Keep the lines that a worker returned, if any, before the job is recorded as done."""
        return written

    def holds(self, name: str, digests: dict[str, str]) -> bool:
        """Tell whether what was written of an input is still there, byte for byte."""
        ...

    def finish(self, jobs: Jobs, summary: Summary) -> None:
        """Do what is to be done after the last input, and tell the summary what inputs had in common."""
        return

    def close(self) -> None:
        """Close files."""
        return


# name, and where the function is that makes the sink; its parameters are those of `shared_sink`
SINKS = {
    "files": "sr2fhir.runs.sinks.files:shared_files",
    "ndjson": "sr2fhir.runs.sinks.ndjson:shared_lines",
}


def shared_sink(name: str, folder: Path, work: Path, run: str, form: Format) -> SharedSink:
    """Make a sink for many inputs.

    Parameters
    ----------
    folder
        Of the results.
    work
        Folder for what is unfinished. The next run finds it if this one is interrupted, but not what lies in
        the folder within it that has the name of the run.
    run
        Name of this run, which no other has.
    form
        Format of the Bundles.
    """
    module, _, function = SINKS[name].partition(":")
    made: SharedSink = getattr(import_module(module), function)(folder, work, run, form)
    return made
