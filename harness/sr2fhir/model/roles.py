"""What the concepts of a document type are for, from its table: concept key to term, term to role."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any


class Roles:
    """Know the terms and the roles of concepts.

    Parameters
    ----------
    table
        Role → terms: a name → concept key (``DCM#121005``), or a table of such names. A term is the name of the
        innermost table and the name in it: ``observer.type``.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        stated = [(role, *row) for role, terms in table.items() for row in _terms(role, terms)]
        self._terms = {key: term for _, term, key in stated}
        self._keys = {term: key for _, term, key in stated}
        self._roles = {term: role for role, term, _ in stated}

    def terms(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Return the terms of a concept's keys."""
        return tuple(self._terms[key] for key in keys if key in self._terms)

    def role(self, terms: Iterable[str]) -> str | None:
        """Return the role of the first of a concept's terms."""
        return next((self._roles[term] for term in terms), None)

    def key(self, term: str) -> str:
        """Return the concept key of a term."""
        return self._keys[term]


NO_ROLES = Roles({})


def _terms(name: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for inner, value in table.items():
        if isinstance(value, str):
            yield f"{name}.{inner}", value
        else:
            yield from _terms(inner, value)


@cache
def table(package: str, name: str) -> Mapping[str, Any]:
    """Read a table that lies beside the modules of a package."""
    return tomllib.loads(files(package).joinpath(name).read_text("utf-8"))
