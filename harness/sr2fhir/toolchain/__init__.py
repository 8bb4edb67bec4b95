"""Set-up: fetch, verify and compile whatever the engine needs, once, and notice what has changed since.

The steps stand in `sr2fhir.toolchain.steps`, one module for what each does; `sr2fhir.toolchain.runner`
decides which have to run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sr2fhir.toolchain.runner import is_current, run

__all__ = ["is_current", "run"]


def __getattr__(name: str) -> Any:
    """Load the runner when it is first used: who only looks at `freshness` has no need of it (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'sr2fhir.toolchain' has no attribute {name!r}")
    from sr2fhir.toolchain import runner

    return getattr(runner, name)
