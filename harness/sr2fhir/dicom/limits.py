"""Bounds that keep one input from using up the machine, and how to raise them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from sr2fhir.errors import LimitError, UsageError

MEGABYTE = 1024 * 1024
UNITS = {"": 1, "K": 1024, "M": MEGABYTE, "G": 1024 * MEGABYTE}
QUANTITY = re.compile(r"(\d{1,15})\s*([KMG]?)(?:i?B)?", re.IGNORECASE)
VARIABLE_PREFIX = "SR2FHIR_"


@dataclass(frozen=True, slots=True)
class Limits:
    """Say how large and how deep an input may be.

    Parameters
    ----------
    max_file_size
        Bytes of one file, archive member or standard input.
    max_inflated_size
        Bytes that a deflated data set or an archive member may grow to.
    max_inflation_ratio
        Bytes out per byte in, of an archive member; looked at once a member has grown past one megabyte.
    max_members
        Entries of one archive.
    max_nesting
        Sequences within sequences; the root data set is level 0.
    max_items
        Sequence items of one document, at all levels together.
    max_elements
        Data elements of one document, at all levels together.
    """

    max_file_size: int = 512 * MEGABYTE
    max_inflated_size: int = 512 * MEGABYTE
    max_inflation_ratio: int = 1000
    max_members: int = 1_000_000
    max_nesting: int = 1024
    max_items: int = 1_000_000
    max_elements: int = 5_000_000

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Limits:
        """Read the limits set by variables such as `SR2FHIR_MAX_FILE_SIZE=2G`.

        Raises
        ------
        UsageError
            A variable does not hold a whole number with an optional unit K, M or G.
        """
        given = {field.name: environment.get(variable(field.name)) for field in fields(cls)}
        return cls(**{name: quantity(name, text) for name, text in given.items() if text})

    def exceeded(self, name: str, what: str, *, where: str | None = None) -> LimitError:
        """Make the error that tells which limit was passed and how to raise it."""
        hint = (
            f"If you trust the input, raise the limit with {variable(name)}, in Python with Limits({name}=…)"
        )
        return LimitError(f"{what}, more than the {getattr(self, name):,} allowed", where=where, hint=hint)


def variable(name: str) -> str:
    """Name the environment variable of a limit."""
    return VARIABLE_PREFIX + name.upper()


def quantity(name: str, text: str) -> int:
    """Read `512`, `512K`, `512 MB` or `2GiB`; units are powers of 1024."""
    match = QUANTITY.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"{variable(name)} is not a size", hint="Give a whole number, with K, M or G where wanted: 512M"
        )
    return int(match[1]) * UNITS[match[2].upper()]


DEFAULT_LIMITS = Limits()


def in_force(limits: Limits | None) -> Limits:
    """Return the limits given, else those that the environment sets."""
    return Limits.from_environment(os.environ) if limits is None else limits
