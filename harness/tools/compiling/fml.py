"""Find groups and rules in the text of FML maps: the engine names them, but not where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# Strings first: what looks like a comment inside one is none, and the other way round.
_TOKEN = re.compile(
    r"""(?P<doc>///[^\n]*)
    |(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<name>[A-Za-z_]\w*)
    |(?P<mark>[{};])
    |(?P<other>\S)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """Hold one token and the line that it begins on."""

    kind: str
    text: str
    line: int


@dataclass
class Group:
    """State where a group and its rules stand.

    Parameters
    ----------
    name
        Name of the group.
    line
        Line of its head.
    rules
        Name and line of each rule, in the order in which they end; a name may come twice.
    """

    name: str
    line: int
    rules: list[tuple[str, int]] = field(default_factory=list)

    def lines(self) -> dict[str, int]:
        """Return the first line of each rule by name."""
        return dict(reversed(self.rules))


def tokens(text: str) -> Iterator[Token]:
    """Split a map into tokens, comments left out.

    Parameters
    ----------
    text
        The map.
    """
    line, position = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        if match.lastgroup not in ("comment", "doc"):
            yield Token(str(match.lastgroup), match.group(), line)


@dataclass
class _Rule:
    """Hold what is known of a rule while it is read: its first tokens, and the last one before its end."""

    head: list[Token] = field(default_factory=list)

    def add(self, token: Token) -> None:
        """Keep the first three tokens: variable, dot, element."""
        if len(self.head) < 3:
            self.head.append(token)

    def name(self, last: Token) -> str:
        """Return the name in quotes at its end, else the element it reads; the engine drops hyphens."""
        if last.text.startswith('"'):
            return last.text[1:-1].replace("-", "")
        return self.head[2].text if len(self.head) == 3 else ""


def groups(text: str) -> list[Group]:
    """List the groups of a map with their rules.

    Parameters
    ----------
    text
        The map; one that the engine has parsed without complaint.
    """
    found: list[Group] = []
    previous = Token("mark", ";", 0)
    open_rules: list[_Rule] = []
    for token in tokens(text):
        if not open_rules and previous.text == "group":
            found.append(Group(token.text, token.line))
        _step(token, previous, open_rules, found)
        previous = token
    return found


def _step(token: Token, previous: Token, open_rules: list[_Rule], found: list[Group]) -> None:
    """Follow one token: a brace opens a list of rules, ``;`` ends a rule, the rest belongs to one."""
    if token.text == "{":
        open_rules.append(_Rule())
    elif token.text == "}" and open_rules:
        open_rules.pop()
    elif token.text == ";" and open_rules:
        rule = open_rules[-1]
        found[-1].rules.append((rule.name(previous), rule.head[0].line if rule.head else token.line))
        open_rules[-1] = _Rule()
    elif open_rules:
        open_rules[-1].add(token)
