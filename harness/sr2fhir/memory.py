"""Memory: when Python looks for circles of objects that nothing else refers to.

It looks whenever many new objects have come about. Reading, rendering and finishing make them by the hundred
thousand and drop hardly any, so that looking takes longer than the work.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# content items from which on looking for what can be freed is worth its time
MANY_ITEMS = 10_000


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the cyclic garbage collector; also to be had as a decorator."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def let_go(items: int) -> None:
    """Free what a report of so many content items was read into, before the engine needs memory for it.

    The tree of content items is full of circles.
    """
    if items >= MANY_ITEMS:
        gc.collect()
