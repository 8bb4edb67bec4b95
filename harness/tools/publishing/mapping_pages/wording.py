"""Origins, conditions and values in the words of DICOM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydicom._uid_dict import UID_dictionary

from tools.publishing.fml import (
    Expression,
    Function,
    Literal,
    Member,
    Operation,
    This,
    Variable,
)
from tools.publishing.mapping_pages.concepts import Concepts, is_key, scheme_of
from tools.publishing.mapping_pages.model import Element, Model
from tools.publishing.mapping_pages.trace import Condition, Held, Origin, Step

CONTENT_ITEM = "DicomContentItem"
_LONG_LIST = 4
BY_FIRST = " (the first)"
_BY_OTHERS = " (further ones)"


def unparsed(expression: Expression) -> str:
    """Answer an expression as it is written, with as few parentheses as possible."""
    match expression:
        case Literal(text, quoted):
            return f"'{text}'" if quoted else text
        case This():
            return "$this"
        case Variable(name):
            return f"%{name}"
        case Member(owner, name):
            return f"{unparsed(owner)}.{name}" if owner else name
        case Function(owner, name, arguments):
            call = f"{name}({', '.join(map(unparsed, arguments))})"
            return f"{unparsed(owner)}.{call}" if owner else call
        case Operation(operator, left, right):
            return f"{unparsed(left)} {operator} {unparsed(right)}"


def series(texts: Sequence[str], word: str) -> str:
    """Join texts with commas, the last with a word: ``a, b or c``."""
    return f"{', '.join(texts[:-1])} {word} {texts[-1]}" if len(texts) > 1 else "".join(texts)


def literals(expression: Expression) -> tuple[str, ...]:
    """Answer the values that are joined by ``|``."""
    if isinstance(expression, Operation) and expression.operator == "|":
        return (*literals(expression.left), *literals(expression.right))
    return (expression.text,) if isinstance(expression, Literal) else ()


class UnknownWordsError(ValueError):
    """There are no words for an expression."""


@dataclass
class Wording:
    """Say what the maps say.

    Parameters
    ----------
    tables
        The tables of words.toml.
    model
        The logical model, whose descriptions count where the tables have nothing.
    lists
        Long lists of concepts, which pages show at their end; filled as they are met.
    used
        Entries of the tables that were used; filled as they are met.
    """

    tables: Mapping[str, Any]
    model: Model
    lists: list[tuple[str, ...]] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Take the meanings of concepts from the tables."""
        self.concepts = Concepts(self.tables["meanings"])

    def afresh(self, elements: Mapping[str, str]) -> Wording:
        """Answer the same wording for another page, with words of its own for some elements."""
        tables = {**self.tables, "elements": {**self.tables["elements"], **elements}}
        return replace(self, tables=tables, lists=[])

    def _table(self, table: str, entry: str) -> Any:
        """Answer an entry of a table, or nothing."""
        found = self.tables[table].get(entry)
        if found is not None:
            self.used.add((table, entry))
        return found

    # ---- elements and origins --------------------------------------------------------------------

    def element(self, element: Element, list_mode: str | None = None) -> str:
        """Answer what DICOM calls an element; nothing for a mere container.

        Parameters
        ----------
        element
            The element.
        list_mode
            Whether the rule takes the first or the others only.
        """
        if list_mode and (found := self._table("elements", f"{element.path}|{list_mode}")) is not None:
            return str(found)
        found = "" if element.type == "id" else self._table("elements", element.path)
        text = element.short.split(": ")[0].split("; ")[0] if found is None else str(found)
        if not text or not element.repeats:
            return text
        return text + {"first": BY_FIRST, "not_first": _BY_OTHERS}.get(list_mode or "", "")

    def _step(self, step: Step) -> str:
        """Answer one step of an origin."""
        element = step.element
        if element is None:
            text = self._variable(step.name)
        elif element.type == CONTENT_ITEM:
            return self._item(step, element)
        else:
            text = self.element(element, step.list_mode)
        return " ".join([text, *map(self.concepts.label, step.keys)]).strip()

    def _item(self, step: Step, element: Element) -> str:
        """Answer a content item: value type and concept, as DICOM's templates write it."""
        kind = self._table("elements", element.path)
        words = [element.short if kind is None else kind, *map(self.concepts.label, step.keys)]
        return " ".join(word for word in words if word) + (BY_FIRST if step.list_mode == "first" else "")

    def _variable(self, name: str) -> str:
        """Answer what a variable stands for."""
        return str(self._table("variables", name) or "")

    def origin(self, steps: Iterable[Step]) -> str:
        """Answer the way to a value: ``CODE (121402, DCM, Normality) > Concept Code Sequence``."""
        words: list[str] = []
        for step in steps:
            word = self._step(step)
            if word and word not in words:
                words.append(word)
        return " > ".join(words)

    def end(self, origin: Origin) -> str:
        """Answer the last step on the way to a value that has a name."""
        return next((word for step in reversed(origin.steps) if (word := self._step(step))), "")

    # ---- conditions ------------------------------------------------------------------------------

    def condition(self, condition: Condition) -> str:
        """Answer a condition."""
        return self.say(condition.expression, condition.this, condition.scope)

    def say(self, expression: Expression, this: Origin, scope: Mapping[str, Held], holds: bool = True) -> str:
        """Answer an expression that is true or false.

        Parameters
        ----------
        expression
            The expression.
        this
            What it is about.
        scope
            What its variables stand for.
        holds
            False: answer the contrary.

        Raises
        ------
        UnknownWordsError
            There are no words for it.
        """
        if (table := self._table("conditions", unparsed(expression))) is not None:
            return str(table[0 if holds else 1])
        match expression:
            case Operation("and" | "or" as word, _, _):
                return self._joined(word, expression, this, scope, holds)
            case Function(owner, "not", ()) if owner is not None:
                return self.say(owner, this, scope, not holds)
            case Member() if (flag := self._flag(expression, this, scope)) is not None:
                return flag[0 if holds else 1]
            case Operation(">", Function(owner, "count", ()), Literal("1")) if owner is not None:
                return f"with {'more than' if holds else 'at most'} one {self._noun(owner, this, scope)}"
            case Function(owner, "exists" | "empty" as name, ()) if owner is not None:
                return self._existence(owner, this, scope, holds == (name == "exists"))
            case Operation("=" | "!=" as sign, left, Literal(text)):
                return self._equality(left, (text,), this, scope, holds == (sign == "="))
            case Operation("in", Literal(text), Member(None, "key")) if is_key(text):
                return self._concept((text,), holds)
            case Operation("in", left, right) if literals(right):
                return self._equality(left, literals(right), this, scope, holds)
        raise UnknownWordsError(f"no words for {unparsed(expression)}: add them to words.toml, [conditions]")

    def _joined(
        self, word: str, expression: Expression, this: Origin, scope: Mapping[str, Held], holds: bool
    ) -> str:
        """Answer conditions joined by and or or; the contrary of one is the other of the contraries."""
        texts = [self.say(each, this, scope, holds) for each in _operands(expression, word)]
        if (word == "and") == holds:
            return "; ".join(texts)
        return " or ".join(f"({text})" if "; " in text else text for text in texts)

    def _existence(self, owner: Expression, this: Origin, scope: Mapping[str, Held], holds: bool) -> str:
        """Answer that something is there or is not; in the table the positive form stands for both."""
        positive = Function(owner, "exists", ())
        if (table := self._table("conditions", unparsed(positive))) is not None:
            return str(table[0 if holds else 1])
        if (flag := self._flag(owner, this, scope)) is not None:
            return flag[0 if holds else 1]
        match owner:
            case Function(Member(None, "key"), "where", (Operation("in", This(), right),)):
                return self._concept(literals(right), holds)
            case Function(list_of, "where", (Operation("=" | "in", This(), right),)) if list_of is not None:
                return self._equality(list_of, literals(right), this, scope, holds)
            case Function(Member(None, "coding"), "where", (condition,)) if key := self._key(condition):
                return self._code(key, holds)
        return f"{'with' if holds else 'without'} {self._noun(owner, this, scope)}"

    def _flag(self, owner: Expression, this: Origin, scope: Mapping[str, Held]) -> Sequence[str] | None:
        """Answer how it reads that an element is there or true, and that it is not."""
        element = self.found(owner, this, scope) if isinstance(owner, Member) else None
        found: Sequence[str] | None = self._table("flags", element.path) if element else None
        return found

    def _equality(
        self, left: Expression, values: tuple[str, ...], this: Origin, scope: Mapping[str, Held], holds: bool
    ) -> str:
        """Answer that something has one of some values, or has none of them."""
        element = this.steps[-1].element if isinstance(left, This) else self.found(left, this, scope)
        codes = self._table("codes", element.path) if element else None
        if codes and holds:
            return series([codes[value] for value in values], "or")
        noun = self._noun(left, this, scope)
        said = series([_value(value) for value in values], "or")
        return f"{noun} {said}" if holds else f"{noun} other than {said}"

    def _concept(self, keys: tuple[str, ...], holds: bool) -> str:
        """Answer that an item has one of some concepts, or has none of them."""
        if len(keys) > _LONG_LIST:
            number = self._listed(keys)
            return f"concept {'of' if holds else 'outside'} [list {number}](#lists-of-concepts)"
        said = series([self.concepts.label(key) for key in keys], "or")
        return f"concept {said}" if holds else f"concept other than {said}"

    def _listed(self, keys: tuple[str, ...]) -> int:
        """Answer the number of a list of concepts, from 1."""
        if keys not in self.lists:
            self.lists.append(keys)
        return self.lists.index(keys) + 1

    def _key(self, expression: Expression) -> str | None:
        """Answer the concept that a condition on a coding states by system and code."""
        match expression:
            case Operation(
                "and",
                Operation("=", Member(None, "system"), Literal(system)),
                Operation("=", Member(None, "code"), Literal(code)),
            ) if scheme := scheme_of(system):
                return f"{scheme}#{code}"
        return None

    def _code(self, key: str, holds: bool) -> str:
        """Answer that a code is this one, or another one."""
        return f"the code {'is' if holds else 'is not'} {self.concepts.label(key)}"

    # ---- what conditions are about ---------------------------------------------------------------

    def _noun(self, expression: Expression, this: Origin, scope: Mapping[str, Held]) -> str:
        """Answer what a path leads to."""
        match expression:
            case This():
                return self.origin(this.steps[-1:])
            case Variable(name):
                return self._variable(name)
            case Function(owner, "where" | "first" as name, arguments) if owner is not None:
                noun = self._noun(owner, this, scope)
                return self._qualified(noun, owner, arguments, this, scope) if name == "where" else noun
            case Member(owner, _):
                return self._member(owner, expression, this, scope)
        raise UnknownWordsError(f"no words for {unparsed(expression)}: add them to words.toml, [conditions]")

    def _qualified(
        self,
        noun: str,
        owner: Expression,
        arguments: tuple[Expression, ...],
        this: Origin,
        scope: Mapping[str, Held],
    ) -> str:
        """Answer what a path leads to, with what must hold for it."""
        inner = Origin((Step("", self.found(owner, this, scope)),), self.kind(owner, this, scope))
        said = self.say(arguments[0], inner, scope)
        return f"{noun} {said.removeprefix('concept ')}"

    def _member(
        self, owner: Expression | None, whole: Member, this: Origin, scope: Mapping[str, Held]
    ) -> str:
        """Answer an element; one of a data type by the element that has it."""
        element = self.found(whole, this, scope)
        if element is None:
            raise UnknownWordsError(f"no words for {unparsed(whole)}: add them to words.toml, [conditions]")
        if (stated := self._table("stated", element.path)) is not None:
            return str(stated)
        if element.short or element.path in self.tables["elements"]:
            return self.element(element)
        return self._noun(owner, this, scope) if owner is not None else self.origin(this.steps[-1:])

    def kind(self, expression: Expression, this: Origin, scope: Mapping[str, Held]) -> str:
        """Answer the type of what a path leads to."""
        match expression:
            case This():
                return this.type
            case Variable(name):
                held = scope.get(name)
                return held.type if isinstance(held, Origin) else ""
            case Function(owner, _, _) if owner is not None:
                return self.kind(owner, this, scope)
        element = self.found(expression, this, scope)
        return element.type if element else ""

    def found(self, expression: Expression, this: Origin, scope: Mapping[str, Held]) -> Element | None:
        """Answer the element that a path leads to."""
        match expression:
            case Member(owner, name):
                return self.model.child(self.kind(owner, this, scope) if owner else this.type, name)
            case Function(owner, _, _) if owner is not None:
                return self.found(owner, this, scope)
        return None

    def phrase(self, name: str) -> str:
        """Answer what stands in the place of a value."""
        return str(self._table("phrases", name))

    # ---- values ----------------------------------------------------------------------------------

    def computed(self, expression: Expression, scope: Mapping[str, Held]) -> str:
        """Answer a computed value: from the table, else its parts one after the other."""
        if (found := self._table("values", unparsed(expression))) is not None:
            return str(found)
        match expression:
            case Operation("&", left, right):
                return f"{self.computed(left, scope)} + {self.computed(right, scope)}"
            case Literal(text):
                return f"`{text}`"
            case Variable(name) | Member(None, name):
                held = scope.get(name)
                return self._part(held.steps[-1].element if isinstance(held, Origin) else None, held)
            case Member():
                return self._part(
                    self.found(_variable(expression), Origin((), ""), scope), _held(expression, scope)
                )
        raise UnknownWordsError(f"no words for {unparsed(expression)}: add them to words.toml, [values]")

    def _part(self, element: Element | None, held: Held) -> str:
        """Answer a part of a computed value, with the concept of the content item that it comes from."""
        if element is None or element.type == "id":
            return "id of the resource"
        if element.path.endswith("Token"):
            return f"system and value of {self.element(element)}"
        keys = [key for step in held.steps for key in step.keys] if isinstance(held, Origin) else []
        return " of ".join([self.element(element), *map(self.concepts.label, keys[-1:])])

    def coding(self, system: str, code: str, display: str | None) -> str:
        """Answer a code that the maps write."""
        scheme = scheme_of(system) or self._table("meanings", system) or system
        return f"({', '.join(part for part in (code, scheme, display) if part)})"


def _held(expression: Expression, scope: Mapping[str, Held]) -> Held:
    """Answer what the variable stands for that a path begins with."""
    while isinstance(expression, Member) and expression.owner is not None:
        expression = expression.owner
    return scope.get(expression.name) if isinstance(expression, (Member, Variable)) else None


def _variable(expression: Expression) -> Expression:
    """Answer a path with its first name taken as a variable."""
    match expression:
        case Member(None, name):
            return Variable(name)
        case Member(owner, name) if owner is not None:
            return Member(_variable(owner), name)
    return expression


def _operands(expression: Expression, operator: str) -> tuple[Expression, ...]:
    """Answer the operands of one operator, however many there are."""
    if isinstance(expression, Operation) and expression.operator == operator:
        return (*_operands(expression.left, operator), *_operands(expression.right, operator))
    return (expression,)


def clauses(text: str) -> list[str]:
    """Cut conditions that all must hold at the semicolons, but for those between parentheses."""
    found, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == ";" and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return [each.strip() for each in found]


def _value(value: str) -> str:
    """Answer a value, with its name where it is a UID."""
    return f"{value} ({UID_dictionary[value][0]})" if value in UID_dictionary else value
