"""Read a dataclass out of a table of gateway.toml, with file, line and key of each error.

The types of the fields say what may stand there. A field is a key of its name; its metadata may say more:
`key` another name, `hint` what to write, `size` that `"512 MiB"` is a number of bytes. A field that is a
dataclass is a table; but one whose only fields are `file` and `env` says where a secret is kept, and its keys
are those of the field with `_file` and `_env`. Paths are relative to the folder of the file.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from sr2fhir.dicom.source import size
from sr2fhir.errors import UsageError
from sr2fhir.written import Written

T = TypeVar("T")
SECRET = {"file", "env"}
_HEADER = re.compile(r"^[ \t]*\[.*$", re.MULTILINE)
_VISIBLE = re.compile(r"[^\n]")
# what a value of a type is called, and how it is written
_WORDS: dict[type, tuple[str, str]] = {
    str: ("a text", 'Write it in quotation marks: "text"'),
    bool: ("true or false", "Write true or false, without quotation marks"),
    int: ("a whole number", "Write it without quotation marks: 10"),
    float: ("a number", "Write it without quotation marks: 2.5"),
    Path: ("a path", 'Write it in quotation marks: "folder/file"'),
}
_SIZE_HINT = 'Write 512, "64 MiB" or "2 GiB"'


def bytes_field(default: int) -> Any:
    """Return the field of a number of bytes, which may be written with a unit."""
    return field(default=default, metadata={"size": True})


@dataclass(frozen=True)
class Section:
    """A table of the file.

    Parameters
    ----------
    written
        The file; of one of several tables of the same name, with the others blanked out.
    keys
        That lead to the table.
    table
        What stands in it.
    """

    written: Written
    keys: tuple[str, ...]
    table: dict[str, Any]

    def error(self, message: str, *keys: str, hint: str | None = None) -> UsageError:
        """Return an error about the table, or a key in it."""
        return self.written.error(message, *self.keys, *keys, hint=hint)

    def read(self, kind: type[T]) -> T:
        """Read a dataclass.

        Raises
        ------
        UsageError
            A key or value is wrong or missing; file, line and key are named.
        """
        given = dict(self.table)
        hints = get_type_hints(kind)
        values: dict[str, Any] = {}
        for one in _settable(kind):
            key = one.metadata.get("key", one.name)
            if _is_secret(hints[one.name]):
                secret = {name: given.pop(f"{key}_{name}") for name in SECRET if f"{key}_{name}" in given}
                if secret:
                    values[one.name] = self._secret(key, secret, _inner(hints[one.name]))
            elif key in given:
                values[one.name] = self._value(given.pop(key), hints[one.name], one, key)
            elif one.default is MISSING and one.default_factory is MISSING:
                raise self.error(f"{key} is missing", hint=one.metadata.get("hint") or f"Add {key} = …")
        for name in given:
            raise self.error("not a setting", name, hint=_nearest(name, list(_keys(kind))))
        try:
            return kind(**values)
        except UsageError as error:
            raise self.about(error) from error

    def about(self, error: UsageError) -> UsageError:
        """Return an error about a value, which knows no file, with its place."""
        key = (error.where or "").rpartition(".")[2]
        return self.error(error.message, *([key] if key in self.table else []), hint=error.hint)

    def _secret(self, key: str, given: dict[str, Any], kind: Any) -> Any:
        if len(given) > 1:
            raise self.error("a secret is kept in one place", f"{key}_env", hint=f"Leave {key}_env out")
        ((name, value),) = given.items()
        wanted = Path if name == "file" else str
        return kind(**{name: self._plain(value, wanted, {}, f"{key}_{name}")})

    def _value(self, value: object, kind: Any, one: Field[Any], key: str) -> Any:
        """Read the value of a field, by its type."""
        kind = _inner(kind)
        origin = get_origin(kind)
        if origin is Literal:
            if value not in get_args(kind):
                choices = ", ".join(f'"{each}"' for each in get_args(kind))
                raise self.error("not one of those that there are", key, hint=f"Choose {choices}")
            return value
        if origin is tuple:
            if not isinstance(value, list):
                raise self.error("not a list", key, hint=f"Write it in brackets: {key} = [ … ]")
            return tuple(self._value(each, get_args(kind)[0], one, key) for each in value)
        if origin is dict:
            return self._table(value, key).table
        if is_dataclass(kind):
            return self._table(value, key).read(cast("type[Any]", kind))
        return self._plain(value, kind, one.metadata, key)

    def _table(self, value: object, key: str) -> Section:
        if not isinstance(value, dict):
            raise self.error("not a table", key, hint=f"Write {key} = {{ … }}, or a table of its own")
        return replace(self, keys=(*self.keys, key), table=value)

    def _plain(self, value: object, kind: Any, metadata: Any, key: str) -> Any:
        """Read a text, number, path or switch."""
        if metadata.get("size") and isinstance(value, str):
            return self.written.value(value, _size, *self.keys, key, hint=_SIZE_HINT)
        what, hint = _WORDS[kind]
        hint = metadata.get("hint") or hint
        taken: tuple[type, ...] = {float: (float, int), Path: (str,)}.get(kind, (kind,))
        if not isinstance(value, taken) or (isinstance(value, bool) and kind is not bool):
            raise self.error(f"not {what}", key, hint=hint)
        if kind in (int, float) and cast("float", value) < 0:
            raise self.error("below zero", key, hint=hint)
        if kind is Path:
            return self.written.file.parent / Path(cast("str", value)).expanduser()
        return float(cast("float", value)) if kind is float else value


def section(written: Written, *keys: str) -> Section | None:
    """Return a table of the file; None if it is not there.

    Raises
    ------
    UsageError
        Something else has its name.
    """
    found: Any = written.table
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    if found is None:
        return None
    if not isinstance(found, dict):
        raise written.error("not a table", *keys, hint=f"Write [{'.'.join(keys)}] above its keys")
    return Section(written, keys, found)


def sections(written: Written, *keys: str) -> list[Section]:
    """Return all tables of a name that may be there several times; none, if it is not there.

    Raises
    ------
    UsageError
        It is not written as such.
    """
    found: Any = written.table
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    if found is None:
        return []
    name = ".".join(keys)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise written.error("not a list of tables", *keys, hint=f"Write [[{name}]] above the keys of each")
    return [Section(_alone(written, name, number), keys, table) for number, table in enumerate(found)]


def _alone(written: Written, name: str, number: int) -> Written:
    """Blank out all of a file but one of the tables of a name, so that lines are found in that."""
    own = re.compile(rf"^[ \t]*\[\[[ \t]*{re.escape(name)}[ \t]*\]\]", re.MULTILINE)
    starts = [match.start() for match in own.finditer(written.text)]
    if number >= len(starts):
        return written
    below = re.compile(rf"[ \t]*\[[ \t]*{re.escape(name)}\.")
    ends = (
        match.start()
        for match in _HEADER.finditer(written.text, starts[number] + 1)
        if match.start() > starts[number] and not below.match(match[0])
    )
    end = next(ends, len(written.text))
    before = _VISIBLE.sub(" ", written.text[: starts[number]])
    return replace(written, text=before + written.text[starts[number] : end])


def _settable(kind: Any) -> Iterator[Field[Any]]:
    return (one for one in fields(kind) if one.init)


def _keys(kind: Any) -> Iterator[str]:
    hints = get_type_hints(kind)
    for one in _settable(kind):
        key = one.metadata.get("key", one.name)
        yield from (f"{key}_{name}" for name in sorted(SECRET)) if _is_secret(hints[one.name]) else (key,)


def _inner(kind: Any) -> Any:
    """Return a type without None."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(each for each in get_args(kind) if each is not types.NoneType)
    return kind


def _is_secret(kind: Any) -> bool:
    kind = _inner(kind)
    return is_dataclass(kind) and {one.name for one in fields(kind)} == SECRET


def _size(value: object) -> int:
    return size(str(value))


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"Is {near[0]} meant?" if near else f"The keys are {', '.join(known)}"
