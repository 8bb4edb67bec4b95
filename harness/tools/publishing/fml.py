"""A small reader of our own maps: what stands where in a .map file.

It reads the part of the FHIR Mapping Language (and, within it, of FHIRPath) that the maps of this
project are written in, and refuses anything else; it executes nothing. Engines read the maps
themselves: this reader serves what is made of the maps, and their tests.

The language: https://hl7.org/fhir/R5/mapping-language.html, https://hl7.org/fhirpath/N1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

# ---- FHIRPath ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Literal:
    """A string, number or boolean; `text` is its value, without quotes."""

    text: str
    quoted: bool = True


@dataclass(frozen=True)
class This:
    """What an expression is applied to: ``$this``."""


@dataclass(frozen=True)
class Variable:
    """``%name``."""

    name: str


@dataclass(frozen=True)
class Member:
    """An element, of `owner` or, without one, of what the expression is applied to."""

    owner: Expression | None
    name: str


@dataclass(frozen=True)
class Function:
    """A call, on `owner` or, without one, on what the expression is applied to."""

    owner: Expression | None
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Operation:
    """Two operands and what stands between them."""

    operator: str
    left: Expression
    right: Expression


Expression: TypeAlias = Literal | This | Variable | Member | Function | Operation

# ---- FML -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    """One variable that a group is called with."""

    mode: str
    name: str
    type: str | None


@dataclass(frozen=True)
class Source:
    """What a rule is run for: each `path` of the variable `context`.

    Parameters
    ----------
    context
        The variable.
    path
        Elements below it; empty where the rule is run for the variable itself.
    type
        The type that the element must have, where the rule says.
    list_mode
        ``first``, ``not_first``, ``last``, ``not_last`` or ``only_one``.
    variable
        The name that the element has from here on.
    condition
        What must hold (``where``).
    """

    context: str
    path: tuple[str, ...] = ()
    type: str | None = None
    list_mode: str | None = None
    variable: str | None = None
    condition: Expression | None = None


@dataclass(frozen=True)
class Transform:
    """Where a value comes from.

    Parameters
    ----------
    function
        ``literal``, ``copy`` (of a variable or an element of it), ``evaluate`` (of an expression), or the
        function's own name.
    arguments
        Values; a variable, or an element of one, is a `Member`.
    """

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Target:
    """What a rule makes: the element `path` of the variable `context`, or a value that stands by itself."""

    context: str | None
    path: tuple[str, ...] = ()
    transform: Transform | None = None
    variable: str | None = None


@dataclass(frozen=True)
class Call:
    """A group that a rule goes on with, and the variables that it passes on."""

    group: str
    arguments: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Rule:
    """One rule.

    Parameters
    ----------
    name
        The name between double quotes; empty where there is none.
    source, targets, calls
        Its parts; the engine admits one source.
    rules
        The rules inside it.
    file, line
        Where it begins.
    """

    name: str
    source: Source
    targets: tuple[Target, ...]
    calls: tuple[Call, ...]
    rules: tuple[Rule, ...]
    file: str
    line: int

    def walk(self) -> Iterator[Rule]:
        """Answer the rule and all rules inside it, in the order of the file."""
        yield self
        for rule in self.rules:
            yield from rule.walk()


@dataclass(frozen=True)
class Group:
    """One group, with the comment above it."""

    name: str
    parameters: tuple[Parameter, ...]
    rules: tuple[Rule, ...]
    comment: str
    file: str
    line: int
    last_line: int

    def walk(self) -> Iterator[Rule]:
        """Answer all rules of the group, in the order of the file."""
        for rule in self.rules:
            yield from rule.walk()


@dataclass(frozen=True)
class Map:
    """One map.

    Parameters
    ----------
    file
        Name of the file.
    header
        The ``///`` lines: url, name, title, status.
    uses
        Structures by alias.
    imports
        Other maps.
    groups
        The groups; the first is the entry.
    comment
        The comment at its head.
    """

    file: str
    header: dict[str, str]
    uses: dict[str, str]
    imports: tuple[str, ...]
    groups: tuple[Group, ...]
    comment: str


class MapSyntaxError(ValueError):
    """A map is not written as this reader knows it; the message names file and line."""


# ---- words ---------------------------------------------------------------------------------------

_TOKENS = re.compile(
    r"""
    (?P<header>///[^\n]*) | (?P<comment>//[^\n]*) | (?P<blank>\s+)
    | (?P<string>'(?:[^'\\\n]|\\.)*') | (?P<quoted>"(?:[^"\\\n]|\\.)*")
    | (?P<number>\d+(?:\.\d+)?) | (?P<word>[%$]?[A-Za-z_]\w*)
    | (?P<sign>->|!=|<=|>=|[-+*/=<>|&.,:;(){}])
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")


class Token(NamedTuple):
    """One word of a map: its kind, its text and where it stands."""

    kind: str
    text: str
    line: int


def _tokens(text: str, file: str) -> Iterator[Token]:
    """Cut a text into words, without the blanks."""
    position, line = 0, 1
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None:
            raise MapSyntaxError(f"{file}:{line}: unexpected {text[position]!r}")
        if match.lastgroup != "blank":
            yield Token(str(match.lastgroup), match[0], line)
        position, line = match.end(), line + match[0].count("\n")


def _unquoted(text: str) -> str:
    """Answer a string without its quotes and escapes."""
    return _ESCAPE.sub(r"\1", text[1:-1])


class _Words:
    """The words of one map, read from left to right."""

    def __init__(self, text: str, file: str) -> None:
        every = list(_tokens(text, file))
        self.file = file
        self.headers = [token for token in every if token.kind == "header"]
        self.comments = {token.line: token.text[2:].strip() for token in every if token.kind == "comment"}
        self._rest = [token for token in every if token.kind not in ("header", "comment")]
        self._rest.append(Token("end", "", every[-1].line if every else 1))
        self._next = 0

    def peek(self, ahead: int = 0) -> Token:
        """Answer a word without passing it."""
        return self._rest[min(self._next + ahead, len(self._rest) - 1)]

    def take(self) -> Token:
        """Answer the next word and pass it."""
        token = self.peek()
        self._next += 1
        return token

    def accept(self, *texts: str) -> str | None:
        """Pass the next word if it is one of these."""
        token = self.peek()
        return self.take().text if token.kind in ("sign", "word") and token.text in texts else None

    def expect(self, text: str) -> Token:
        """Pass the next word, which must be this one."""
        token = self.take()
        if token.text != text:
            raise self.error(f"expected {text!r}, found {token.text or 'the end'!r}", token)
        return token

    def word(self) -> str:
        """Pass the next word, which must be a name."""
        token = self.take()
        if token.kind != "word":
            raise self.error(f"expected a name, found {token.text or 'the end'!r}", token)
        return token.text

    def name(self) -> str:
        """Pass the next word, which must be a text between quotes."""
        token = self.take()
        if token.kind not in ("string", "quoted"):
            raise self.error(f"expected a text between quotes, found {token.text or 'the end'!r}", token)
        return _unquoted(token.text)

    def error(self, message: str, token: Token) -> MapSyntaxError:
        """Answer an error that names the place of a word."""
        return MapSyntaxError(f"{self.file}:{token.line}: {message}")

    def comment_above(self, line: int) -> str:
        """Answer the comment that ends in the line before this one."""
        first = line
        while first - 1 in self.comments:
            first -= 1
        return " ".join(self.comments[number] for number in range(first, line))


# ---- reading -------------------------------------------------------------------------------------

# FHIRPath's binary operators, the loosest first; `as` and `is` are FML's here.
_OPERATORS: tuple[tuple[str, ...], ...] = (
    ("implies",),
    ("or", "xor"),
    ("and",),
    ("in", "contains"),
    ("=", "!="),
    ("<", ">", "<=", ">="),
    ("|",),
    ("+", "-", "&"),
    ("*", "/"),
)
_LIST_MODES = ("first", "not_first", "last", "not_last", "only_one")


def _expression(words: _Words, level: int = 0) -> Expression:
    """Read an expression, from this level of operators on."""
    if level == len(_OPERATORS):
        return _invocations(words)
    left = _expression(words, level + 1)
    while operator := words.accept(*_OPERATORS[level]):
        left = Operation(operator, left, _expression(words, level + 1))
    return left


def _invocations(words: _Words) -> Expression:
    """Read a term and what is invoked on it."""
    found = _term(words)
    while words.accept("."):
        found = _step(words, found)
    return found


def _step(words: _Words, owner: Expression | None) -> Expression:
    """Read an element or a call."""
    name = words.word()
    return Function(owner, name, _arguments(words)) if words.peek().text == "(" else Member(owner, name)


def _arguments(words: _Words) -> tuple[Expression, ...]:
    """Read expressions between parentheses."""
    words.expect("(")
    found: list[Expression] = []
    while not words.accept(")"):
        found.append(_expression(words))
        if words.peek().text != ")":
            words.expect(",")
    return tuple(found)


def _term(words: _Words) -> Expression:
    """Read what an expression can begin with."""
    token = words.peek()
    if words.accept("("):
        inner = _expression(words)
        words.expect(")")
        return inner
    if token.kind == "word" and token.text[0] not in "%$" and token.text not in ("true", "false"):
        return _step(words, None)
    return _constant(words.take(), words)


def _constant(token: Token, words: _Words) -> Expression:
    """Answer the term that a single word stands for."""
    if token.kind == "string":
        return Literal(_unquoted(token.text))
    if token.kind == "number" or token.text in ("true", "false"):
        return Literal(token.text, quoted=False)
    if token.kind == "word":
        return This() if token.text == "$this" else Variable(token.text[1:])
    raise words.error(f"expected an expression, found {token.text or 'the end'!r}", token)


def _path(words: _Words) -> tuple[str, ...]:
    """Read names with points between them."""
    names = [words.word()]
    while words.accept("."):
        names.append(words.word())
    return tuple(names)


def _source(words: _Words) -> Source:
    """Read what a rule is run for."""
    context, *path = _path(words)
    kind = words.word() if words.accept(":") else None
    list_mode = words.accept(*_LIST_MODES)
    variable = words.word() if words.accept("as") else None
    condition = _expression(words) if words.accept("where") else None
    return Source(context, tuple(path), kind, list_mode, variable, condition)


def _target(words: _Words) -> Target:
    """Read one thing that a rule makes."""
    if words.peek().text == "(" or words.peek(1).text == "(":
        return Target(None, (), _transform(words), _alias(words))
    context, *path = _path(words)
    transform = _transform(words) if words.accept("=") else None
    return Target(context, tuple(path), transform, _alias(words))


def _alias(words: _Words) -> str | None:
    """Read the name that is given to what was made."""
    return words.word() if words.accept("as") else None


def _transform(words: _Words) -> Transform:
    """Read where a value comes from."""
    token = words.peek()
    if token.text == "(":
        return Transform("evaluate", (_expression(words),))
    if token.kind != "word":
        return Transform("literal", (_constant(words.take(), words),))
    found = _invocations(words)
    if isinstance(found, Function) and found.owner is None:
        return Transform(found.name, found.arguments)
    return Transform("copy", (found,))


def _targets(words: _Words) -> tuple[Target, ...]:
    """Read all that a rule makes."""
    found = [_target(words)]
    while words.accept(","):
        found.append(_target(words))
    return tuple(found)


def _call(words: _Words) -> Call:
    """Read a group that a rule goes on with."""
    line = words.peek().line
    group = words.word()
    arguments = []
    words.expect("(")
    while not words.accept(")"):
        arguments.append(words.word())
        words.accept(",")
    return Call(group, tuple(arguments), line)


def _dependents(words: _Words) -> tuple[tuple[Call, ...], tuple[Rule, ...]]:
    """Read the groups and rules that a rule goes on with."""
    calls: list[Call] = []
    while words.peek().kind == "word":
        calls.append(_call(words))
        words.accept(",")
    return tuple(calls), _rules(words) if words.peek().text == "{" else ()


def _rule(words: _Words) -> Rule:
    """Read one rule."""
    line = words.peek().line
    source = _source(words)
    targets = _targets(words) if words.accept("->") else ()
    calls, rules = _dependents(words) if words.accept("then") else ((), ())
    name = words.name() if words.peek().kind == "quoted" else ""
    words.expect(";")
    return Rule(name, source, targets, calls, rules, words.file, line)


def _rules(words: _Words) -> tuple[Rule, ...]:
    """Read rules between braces."""
    words.expect("{")
    found = []
    while words.peek().text != "}":
        found.append(_rule(words))
    words.expect("}")
    return tuple(found)


def _parameter(words: _Words) -> Parameter:
    """Read one variable that a group is called with."""
    mode, name = words.word(), words.word()
    return Parameter(mode, name, words.word() if words.accept(":") else None)


def _parameters(words: _Words) -> tuple[Parameter, ...]:
    """Read the variables that a group is called with."""
    words.expect("(")
    found = [_parameter(words)]
    while words.accept(","):
        found.append(_parameter(words))
    words.expect(")")
    return tuple(found)


def _group(words: _Words) -> Group:
    """Read one group."""
    line = words.expect("group").line
    name, parameters = words.word(), _parameters(words)
    rules = _rules(words)
    last_line = words.peek(-1).line
    return Group(name, parameters, rules, words.comment_above(line), words.file, line, last_line)


def _uses(words: _Words) -> Iterator[tuple[str, str]]:
    """Read the structures that a map uses: alias, URL."""
    while words.accept("uses"):
        url = words.name()
        words.expect("alias")
        yield words.word(), url
        words.expect("as")
        words.word()


def _imports(words: _Words) -> Iterator[str]:
    """Read the other maps that a map uses."""
    while words.accept("imports"):
        yield words.name()


def _groups(words: _Words) -> Iterator[Group]:
    """Read the groups, up to the end of the file."""
    while words.peek().kind != "end":
        yield _group(words)


def _header(tokens: Iterable[Token], words: _Words) -> Iterator[tuple[str, str]]:
    """Read the ``///`` lines: name and value."""
    for token in tokens:
        match = re.fullmatch(r"///\s*([\w.]+)\s*=\s*'([^']*)'\s*", token.text)
        if match is None:
            raise words.error("a header line reads  /// name = 'value'", token)
        yield match[1], match[2]


def _head_comment(words: _Words) -> str:
    """Answer the comments above everything else but the header."""
    first = words.peek().line
    return " ".join(text for line, text in sorted(words.comments.items()) if line < first)


# ---- interface -----------------------------------------------------------------------------------


def parse(text: str, file: str) -> Map:
    """Read the text of one map.

    Parameters
    ----------
    text
        The map.
    file
        Its name, for the places of its parts.

    Raises
    ------
    MapSyntaxError
        It is not written as this reader knows it.
    """
    words = _Words(text, file)
    header = dict(_header(words.headers, words))
    comment = _head_comment(words)
    uses = dict(_uses(words))
    imports = tuple(_imports(words))
    return Map(file, header, uses, imports, tuple(_groups(words)), comment)


def read(folder: Path) -> tuple[Map, ...]:
    """Read all maps of a folder, in the order of their names.

    Raises
    ------
    MapSyntaxError
        One of them is not written as this reader knows it.
    """
    sources = sorted(folder.rglob("*.map"), key=lambda path: path.name)
    return tuple(parse(path.read_text(encoding="utf-8"), path.name) for path in sources)


def expressions(rule: Rule) -> Iterator[Expression]:
    """Answer the FHIRPath expressions of a rule: its condition and what its targets evaluate."""
    if rule.source.condition is not None:
        yield rule.source.condition
    for target in rule.targets:
        if target.transform is not None and target.transform.function == "evaluate":
            yield from target.transform.arguments


def parts(expression: Expression) -> Sequence[Expression]:
    """Answer the expressions that an expression is made of directly, what it is invoked on first."""
    match expression:
        case Operation(_, left, right):
            return (left, right)
        case Function(owner, _, arguments):
            return arguments if owner is None else (owner, *arguments)
        case Member(owner, _) if owner is not None:
            return (owner,)
    return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """Answer an expression and all that it is made of."""
    yield expression
    for part in parts(expression):
        yield from walk(part)
