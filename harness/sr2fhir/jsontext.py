"""JSON with numbers kept as text.

DICOM writes decimals as text and their digits matter (``31112.20`` is not ``31112.2``), so no number becomes
a float on its way through this package: a :class:`NumberText` is written as it stands and comes back as one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import orjson

JsonObject = dict[str, Any]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_OPTIONS = orjson.OPT_PASSTHROUGH_SUBCLASS
_INDENT = "  "


class NumberText(str):
    """Hold the text of one JSON number."""

    __slots__ = ()


class JsonError(ValueError):
    """The text is not JSON, or not as strict as this package asks for.

    Parameters
    ----------
    message
        What is wrong.
    key
        What occurs twice in one object, if that is it.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


def dumps(value: object, *, indent: bool = False) -> bytes:
    """Write a value as UTF-8 JSON, with every :class:`NumberText` as a raw number.

    Parameters
    ----------
    value
        Dicts with string keys, lists, tuples, strings, number texts, ints, booleans, None.
    indent
        Whether to indent by two blanks for each level.

    Raises
    ------
    JsonError
        The value holds something that has no JSON form here.
    """
    try:
        return orjson.dumps(
            value, default=_fragment, option=_OPTIONS | (orjson.OPT_INDENT_2 if indent else 0)
        )
    except orjson.JSONEncodeError:
        # orjson stops at 254 levels; a content tree of 500 containers has more than 1,000
        return "".join(_pieces(value, indent)).encode()


def loads_strict(data: bytes | str, *, number: Callable[[str], NumberText] = NumberText) -> Any:
    """Read JSON; refuse duplicate keys, NaN, infinities and anything after the value.

    Parameters
    ----------
    data
        UTF-8 bytes or text.
    number
        What to make of the text of a number.

    Returns
    -------
    Any
        Dicts, lists, strings, booleans, None and, for every number, a :class:`NumberText`.

    Raises
    ------
    JsonError
        The text is not well-formed, or a key occurs twice in one object.
    """
    text = _decode(data)
    try:
        return _decoder(number).decode(text)
    except json.JSONDecodeError as error:
        raise JsonError(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        return _loads_deep(text, _decoder(number))


def _decode(data: bytes | str) -> str:
    try:
        return data if isinstance(data, str) else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonError(f"not UTF-8 at byte {error.start}") from None


# ---- writing -----------------------------------------------------------------------------------------------


def _fragment(value: object) -> orjson.Fragment:
    if isinstance(value, NumberText):
        return orjson.Fragment(_checked(value))
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _checked(number: NumberText) -> str:
    if not _NUMBER.fullmatch(number):
        raise JsonError("a number is not written as JSON writes it")
    return str(number)


def _scalar(value: object) -> str:
    try:
        return orjson.dumps(value, default=_fragment, option=_OPTIONS).decode()
    except orjson.JSONEncodeError as error:
        # an error of ours is wrapped on its way through orjson
        raise error.__cause__ if isinstance(error.__cause__, JsonError) else _no_form(value) from None


def _no_form(value: object) -> JsonError:
    return JsonError(f"{type(value).__name__} has no JSON form")


def _pieces(value: object, indent: bool) -> Iterator[str]:
    """Write without recursion: a stack of iterators, one for each open object or array."""
    stack: list[tuple[Iterator[tuple[str, object]], str]] = []
    pending: tuple[str, object] | None = ("", value)
    first = True
    while pending is not None:
        label, current = pending
        yield from () if not stack else (_separator(first, len(stack), indent),)
        yield label
        first = _is_filled(current)
        if first:
            stack.append((_members(current, indent), "}" if isinstance(current, dict) else "]"))
            yield "{" if isinstance(current, dict) else "["
        else:
            yield _empty_or_scalar(current)
        pending = None
        while stack and pending is None:
            pending = next(stack[-1][0], None)
            if pending is None:
                closing = stack.pop()[1]
                yield f"\n{_INDENT * len(stack)}{closing}" if indent else closing
                first = False


def _separator(first: bool, depth: int, indent: bool) -> str:
    return ("" if first else ",") + (f"\n{_INDENT * depth}" if indent else "")


def _is_filled(value: object) -> bool:
    return isinstance(value, dict | list | tuple) and bool(value)


def _empty_or_scalar(value: object) -> str:
    if isinstance(value, dict):
        return "{}"
    return "[]" if isinstance(value, list | tuple) else _scalar(value)


def _members(value: Any, indent: bool) -> Iterator[tuple[str, object]]:
    if not isinstance(value, dict):
        return (("", member) for member in value)
    colon = ": " if indent else ":"
    return ((json.dumps(key, ensure_ascii=False) + colon, member) for key, member in value.items())


# ---- reading -----------------------------------------------------------------------------------------------


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonError(f"the key {twice!r} occurs twice in one object", twice)
    return members


def _refuse(name: str) -> NoReturn:
    raise JsonError(f"{name} is not JSON")


def _decoder(number: Callable[[str], NumberText]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_unique, parse_float=number, parse_int=number, parse_constant=_refuse
    )


_TOKEN = re.compile(
    r'[ \t\r\n]*(?:([\[{\]},:])|("(?:[^"\\\x00-\x1f]|\\.)*")|([^\s\[\]{},:"]+)|(.))', re.DOTALL
)


def _tokens(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        token = match[match.lastindex or 0]
        if match.lastindex == 4 and token.strip():
            raise JsonError(f"not JSON at character {match.start(4)}")
        if token.strip():
            yield token


def _loads_deep(text: str, decoder: json.JSONDecoder) -> Any:
    """Read JSON that is nested deeper than the standard decoder can follow, with a stack of its own."""
    root: list[Any] = []
    stack: list[tuple[str, list[Any]]] = [("", root)]
    for token in _tokens(text):
        kind, members = stack[-1]
        if token in "[{":
            stack.append((token, []))
        elif token in "]}":
            _expect(len(stack) > 1 and kind + token in ("[]", "{}"))
            stack.pop()
            stack[-1][1].append(_array(members) if token == "]" else _object(members))
        else:
            members.append(_SEPARATORS.get(token) or _decoded(token, decoder))
    _expect(len(stack) == 1 and len(root) == 1)
    return root[0]


def _decoded(token: str, decoder: json.JSONDecoder) -> Any:
    try:
        return decoder.decode(token)
    except json.JSONDecodeError:
        raise JsonError("not JSON: a value is not well-formed") from None


class _Separator:
    """Stand for a comma or a colon among the members of an open object or array."""


_COMMA, _COLON = _Separator(), _Separator()
_SEPARATORS = {",": _COMMA, ":": _COLON}


def _expect(condition: bool) -> None:
    if not condition:
        raise JsonError("not JSON: brackets, commas or colons do not match")


def _array(members: list[Any]) -> list[Any]:
    _expect(
        all(separator is _COMMA for separator in members[1::2]) and (len(members) % 2 == 1 or not members)
    )
    values = members[0::2]
    _expect(not any(isinstance(value, _Separator) for value in values))
    return values


def _object(members: list[Any]) -> JsonObject:
    _expect(len(members) % 4 == 3 or not members)
    _expect(
        all(colon is _COLON for colon in members[1::4]) and all(comma is _COMMA for comma in members[3::4])
    )
    names, values = members[0::4], members[2::4]
    _expect(all(type(name) is str for name in names) and not any(isinstance(v, _Separator) for v in values))
    return _unique(list(zip(names, values, strict=True)))
