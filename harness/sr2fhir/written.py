"""Tables that people write, in JSON or TOML: read strictly, and mistakes told with file, line and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sr2fhir.errors import UsageError
from sr2fhir.jsontext import JsonError, loads_strict

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_EXAMPLE = "urn:oid:1.2.840.99999.1"
# RFC 3061 and RFC 9562 as FHIR's types oid and uuid write them
_NAMED = {
    "urn:oid:": (
        re.compile(r"[0-2](\.(0|[1-9][0-9]*))+"),
        "an OID: numbers and dots, such as 1.2.840.99999.1",
    ),
    "urn:uuid:": (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "a UUID in lower case"),
}
_LINE = re.compile(r"\(?(?:at )?(line [0-9]+)(?:, column [0-9]+)?\)?")
_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)


def uri(value: object) -> str:
    """Read an absolute URI; of an OID or a UUID in the form that FHIR wants.

    Raises
    ------
    ValueError
        It is none.
    """
    if not isinstance(value, str) or not _URI.fullmatch(value):
        raise ValueError(f"not an absolute URI such as http://hospital.example/patients or {_EXAMPLE}")
    for start, (form, what) in _NAMED.items():
        if value.lower().startswith(start) and not (
            value.startswith(start) and form.fullmatch(value.removeprefix(start))
        ):
            raise ValueError(f"not an absolute URI: {start} is not followed by {what}")
    return value


class NameInTableError(ValueError):
    """A name of a table is empty or stands there twice.

    Parameters
    ----------
    message
        Which of the two.
    name
        As it stands in the table.
    """

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


def names_in(table: Iterable[str]) -> dict[str, str]:
    """Return each name of a table with what counts of it: blanks around it do not.

    Raises
    ------
    NameInTableError
        A name is empty, or two are the same without blanks.
    """
    names: dict[str, str] = {}
    for stated in table:
        name = stated.strip()
        if not name:
            raise NameInTableError("a name is empty", stated)
        if name in names.values():
            raise NameInTableError("the name stands there twice", stated)
        names[stated] = name
    return names


@dataclass(frozen=True)
class Written:
    """A file that holds one table.

    Parameters
    ----------
    file, text
        The file, and what stands in it.
    table
        What that means.
    hint
        How such a file is written.
    """

    file: Path
    text: str
    table: dict[str, Any]
    hint: str

    def error(self, message: str, *keys: str, hint: str | None = None) -> UsageError:
        """Return an error about the value of a key, by the keys that lead to it."""
        line = _line_of(self.text, keys)
        name = ".".join(dict.fromkeys(keys))
        where = ", ".join(part for part in (f"line {line}" if line else "", name) if part)
        return UsageError(message, source=str(self.file), where=where or None, hint=hint or self.hint)

    def values(
        self, table: dict[str, Any], read: Callable[[Any], Any], *keys: str, hint: str | None = None
    ) -> dict[str, Any]:
        """Read all values of a table; its names are taken without blanks around them.

        Parameters
        ----------
        hint
            What the values may be.

        Raises
        ------
        UsageError
            A value is wrong, a name is empty, or two names are the same without blanks.
        """
        try:
            names = names_in(table)
        except NameInTableError as error:
            named = (error.name,) if error.name.strip() else ()
            raise self.error(str(error), *keys, *named) from error
        return {
            name: self.value(table[stated], read, *keys, stated, hint=hint) for stated, name in names.items()
        }

    def value(self, value: object, read: Callable[[Any], Any], *keys: str, hint: str | None = None) -> Any:
        """Read one value.

        Parameters
        ----------
        hint
            What it may be.

        Raises
        ------
        UsageError
            It is wrong.
        """
        try:
            return read(value)
        except ValueError as error:
            raise self.error(str(error), *keys, hint=hint) from error
        except UsageError as error:
            raise self.error(error.message, *keys, hint=error.hint) from error


def read_table(file: Path, what: str, hint: str) -> Written:
    """Read a file that holds one table: TOML by the ending of its name, else JSON.

    Parameters
    ----------
    what
        What is in it, for messages.
    hint
        How it is written.

    Raises
    ------
    UsageError
        It cannot be read, is not well-formed, has a key twice, or holds something else.
    """
    try:
        text = file.read_text("utf-8")
        table = tomllib.loads(text) if file.suffix.lower() == ".toml" else loads_strict(text)
    except (OSError, UnicodeDecodeError) as error:
        message = f"{what} cannot be read ({type(error).__name__})"
        raise UsageError(message, source=str(file), hint=hint) from error
    except JsonError as error:
        if error.key is not None:
            twice = Written(file, text, {}, hint)
            raise twice.error("the name stands there twice", error.key, error.key) from error
        raise _malformed(file, what, error, hint) from error
    except tomllib.TOMLDecodeError as error:
        raise _malformed(file, what, error, hint) from error
    if not isinstance(table, dict):
        raise UsageError(f"{what}: not a table", source=str(file), hint=hint)
    return Written(file, text, table, hint)


def _malformed(file: Path, what: str, error: ValueError, hint: str) -> UsageError:
    """Return an error that tells the line which the parser names."""
    place = _LINE.search(str(error))
    reason = _LINE.sub("", str(error)).strip().rstrip(":")
    return UsageError(
        f"{what} cannot be read: {reason}", source=str(file), where=place[1] if place else None, hint=hint
    )


def read_systems(file: Path, what: str, example: str) -> dict[str, str]:
    """Read a table of names and their systems: coding schemes, issuers.

    Raises
    ------
    UsageError
        The file is no such table.
    """
    hint = f'Write JSON, {{"{example}": "{_EXAMPLE}"}}, or TOML, {example} = "{_EXAMPLE}"'
    written = read_table(file, what, hint)
    return written.values(written.table, uri)


def _line_of(text: str, keys: tuple[str, ...]) -> int | None:
    """Return the line of a key, by the keys that lead to it; that of the last one that is found."""
    text = _COMMENT.sub(lambda comment: " " * len(comment[0]), text)
    place = 0
    line = None
    begin = ""
    for key in keys:
        found = re.compile(rf"{begin}{_key_as_written(key)}[ \t]*[=:.\]]", re.MULTILINE).search(text, place)
        if found is None:
            break
        place = found.end()
        # below the header of a table each key begins a line; the next header may be that of the next table
        begin = r"^[ \t]*\[*" if found[0].endswith("]") else ""
        line = text.count("\n", 0, found.start()) + 1
    return line


def _key_as_written(key: str) -> str:
    """Return a pattern for a key, which may stand without quotation marks if it is a word."""
    quoted = rf"[\"']{re.escape(key)}[\"']"
    return rf"(?:{quoted}|(?<![\w-]){key})" if re.fullmatch(r"[\w-]+", key) else quoted
