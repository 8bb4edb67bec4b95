"""Many inputs in one run: worked on by several workers, reported in their order, summed up at the end.

::

    inputs ─▶ shared (jobs) ─▶ pool ─▶ work (pipeline, sinks) ─▶ shared ─▶ results

`inputs` finds documents in folders, archives and arrays; `jobs` is the table of what is done; `pool` works in
one process or several; `work` does one input; `sinks` put results where they belong.
"""

from sr2fhir.runs.results import FileResult, Summary

__all__ = ["LEASE_S", "FileResult", "Summary"]

# seconds that a job belongs to its owner
LEASE_S = 600.0
