"""How messages count things."""

from __future__ import annotations


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """Count things: `1 warning`, `2 warnings`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def listed(*counts: tuple[int, str]) -> str:
    """Join the counts that are not zero: `15 resources, 2 warnings`."""
    return ", ".join(plural(number, noun) for number, noun in counts if number)
