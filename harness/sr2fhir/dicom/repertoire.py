"""Specific Character Set (0008,0005): which bytes stand for which characters.

Source of the tables: PS3.3 C.12.1.1.2, Tables C.12-2 to C.12-5; of the rules for code extensions: PS3.5
6.1.2.5. Nothing is replaced without being told: each text comes with the problem met in decoding it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

ESCAPE = b"\x1b"
PARTS = re.compile(rb"^[^\x1b]+|\x1b[^\x1b]*")
SEPARATORS = re.compile(r"[^A-Z0-9]+")

# Number of the set in the ISO register -> Python codec.
SINGLE_BYTE = {
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "166": "tis_620",
    "203": "iso8859_15",
    "13": "shift_jis",
}
STAND_ALONE = {"ISO_IR 192": "utf_8", "GB18030": "gb18030", "GBK": "gbk"}
MULTI_BYTE = {"87": "iso2022_jp", "159": "iso2022_jp_2", "149": "euc_kr", "58": "gb2312"}
DEFAULT_REPERTOIRE = ("", "ISO_IR 6", "ISO 2022 IR 6")
TERMS = {
    **{f"ISO_IR {number}": codec for number, codec in SINGLE_BYTE.items()},
    **{f"ISO 2022 IR {number}": codec for number, codec in (SINGLE_BYTE | MULTI_BYTE).items()},
    **STAND_ALONE,
}


class Escape(NamedTuple):
    """What an escape sequence switches to; Python's ISO-2022-JP codecs want to see the sequence itself."""

    codec: str
    kept: bool = False


ESCAPES = {
    b"\x1b(B": Escape("ascii"),
    b"\x1b-A": Escape("latin_1"),
    b"\x1b-B": Escape("iso8859_2"),
    b"\x1b-C": Escape("iso8859_3"),
    b"\x1b-D": Escape("iso8859_4"),
    b"\x1b-F": Escape("iso8859_7"),
    b"\x1b-G": Escape("iso8859_6"),
    b"\x1b-H": Escape("iso8859_8"),
    b"\x1b-L": Escape("iso8859_5"),
    b"\x1b-M": Escape("iso8859_9"),
    b"\x1b-T": Escape("tis_620"),
    b"\x1b-b": Escape("iso8859_15"),
    b"\x1b)I": Escape("shift_jis"),
    b"\x1b(J": Escape("shift_jis"),
    b"\x1b$B": Escape("iso2022_jp", kept=True),
    b"\x1b$(D": Escape("iso2022_jp_2", kept=True),
    b"\x1b$)C": Escape("euc_kr"),
    b"\x1b$)A": Escape("gb2312"),
}
# PS3.5 6.1.2.5.3: these end the effect of an escape sequence.
TEXT_DELIMITERS = re.compile(rb"[\t\n\f\r\\]")
NAME_DELIMITERS = re.compile(rb"[\t\n\f\r\\^=]")


class Problem(NamedTuple):
    """What was wrong with the bytes of a text: reason, message, how to mend it."""

    code: str
    message: str
    hint: str | None = None


UNDECODABLE = Problem(
    "undecodable-text",
    "bytes that the character set does not know; U+FFFD stands in their place",
    "Correct Specific Character Set or the text in the source",
)
UNKNOWN_ESCAPE = Problem(
    "undecodable-text",
    "an escape sequence that DICOM does not know; it was kept as it stands",
    UNDECODABLE.hint,
)
UNDECLARED_ESCAPE = Problem(
    "assumed-character-set",
    "an escape sequence of a character set that Specific Character Set does not list; it was followed",
)
BEYOND_ASCII = Problem("invalid-value", "bytes beyond ASCII, which the value representation does not allow")
ASSUMED = {
    "utf_8": "text beyond ASCII without a character set that has it; UTF-8 was assumed, as the bytes fit",
    "latin_1": "text beyond ASCII without a character set that has it; Latin-1 was assumed",
}
DECLARE = "Declare Specific Character Set in the source"


@dataclass(frozen=True, slots=True)
class Repertoire:
    """Hold the character sets in force: the first, and those that escape sequences may switch to.

    Parameters
    ----------
    first
        Codec of text before any escape sequence; None for the default repertoire, which is ASCII.
    others
        Codecs that Specific Character Set lists further.
    extensible
        Whether escape sequences are looked for; never in UTF-8, GB18030 and GBK.
    """

    first: str | None = None
    others: frozenset[str] = frozenset()
    extensible: bool = True

    @property
    def codecs(self) -> list[str]:
        """All codecs as pydicom names them, the first one first."""
        return [self.first or "iso8859", *sorted(self.others)]

    def decode(self, raw: bytes, delimiters: re.Pattern[bytes]) -> tuple[str, Problem | None]:
        """Decode one text and tell what was wrong with it."""
        if raw.isascii() and ESCAPE not in raw:
            return raw.decode("ascii"), None
        if not self.extensible or ESCAPE not in raw:
            return self._plain(raw)
        parts = [self._part(part, delimiters) for part in PARTS.findall(raw)]
        return "".join(text for text, _ in parts), next((problem for _, problem in parts if problem), None)

    def _plain(self, raw: bytes) -> tuple[str, Problem | None]:
        return strictly(raw, self.first) if self.first else assumed(raw)

    def _part(self, raw: bytes, delimiters: re.Pattern[bytes]) -> tuple[str, Problem | None]:
        sequence = next((raw[:size] for size in (3, 4) if raw[:size] in ESCAPES), None)
        if sequence is None:
            text, problem = self._plain(raw)
            return text, UNKNOWN_ESCAPE if raw.startswith(ESCAPE) else problem
        return self._switched(raw, sequence, delimiters)

    def _switched(
        self, raw: bytes, sequence: bytes, delimiters: re.Pattern[bytes]
    ) -> tuple[str, Problem | None]:
        codec, kept = ESCAPES[sequence]
        if codec == "ascii":  # switches G0 only: what lies above still belongs to the first character set
            return self._plain(raw[len(sequence) :])
        known = codec == self.first or codec in self.others
        head, tail = (raw, b"") if kept else split_before(raw[len(sequence) :], delimiters)
        text, problem = strictly(head, codec)
        rest, later = self._plain(tail) if tail else ("", None)
        return text + rest, problem or later or (None if known else UNDECLARED_ESCAPE)


def split_before(raw: bytes, delimiters: re.Pattern[bytes]) -> tuple[bytes, bytes]:
    """Cut before the first delimiter."""
    match = delimiters.search(raw)
    return (raw[: match.start()], raw[match.start() :]) if match else (raw, b"")


def strictly(raw: bytes, codec: str) -> tuple[str, Problem | None]:
    """Decode, and tell when something had to be replaced."""
    try:
        return raw.decode(codec), None
    except UnicodeError:
        return raw.decode(codec, errors="replace"), UNDECODABLE


def assumed(raw: bytes) -> tuple[str, Problem | None]:
    """Decode what no character set was declared for: as UTF-8 where the bytes fit, else as Latin-1."""
    try:
        text, codec = raw.decode("ascii"), None
    except UnicodeError:
        text, codec = guessed(raw)
    return text, Problem("assumed-character-set", ASSUMED[codec], DECLARE) if codec else None


def guessed(raw: bytes) -> tuple[str, str]:
    """Decode as UTF-8 where the bytes fit, else as Latin-1, which always does."""
    try:
        return raw.decode("utf_8"), "utf_8"
    except UnicodeError:
        return raw.decode("latin_1"), "latin_1"


def repertoire_of(terms: Sequence[str]) -> tuple[Repertoire, list[Problem]]:
    """Read the values of Specific Character Set, forgiving common misspellings.

    Returns
    -------
    tuple
        The repertoire and what was wrong with the terms.
    """
    known = [recognised(term.strip()) for term in terms or [""]]
    problems = [problem for _, problem in known if problem]
    names = [name for name, _ in known]
    if names[0] in STAND_ALONE:
        return Repertoire(STAND_ALONE[names[0]], extensible=False), problems
    codecs = [TERMS.get(name) for name in names]
    others = frozenset(codec for codec in codecs[1:] if codec)
    return Repertoire(codecs[0], others), problems


def recognised(term: str) -> tuple[str, Problem | None]:
    """Find the defined term that is meant."""
    if term in TERMS or term in DEFAULT_REPERTOIRE:
        return term, None
    meant = SPELLINGS.get(SEPARATORS.sub(" ", term.upper()).strip())
    if meant is None:
        message = "a character set that DICOM does not define; text beyond ASCII is read on assumption"
        return "", Problem("unknown-character-set", message, DECLARE)
    message = f"a misspelt character set; {meant} was assumed"
    return meant, Problem("unknown-character-set", message, DECLARE)


SPELLINGS = {SEPARATORS.sub(" ", term.upper()): term for term in (*TERMS, *DEFAULT_REPERTOIRE)} | {
    "UTF 8": "ISO_IR 192",
    "UTF8": "ISO_IR 192",
    "LATIN1": "ISO_IR 100",
    "LATIN 1": "ISO_IR 100",
    "ISO 8859 1": "ISO_IR 100",
    "ISO 2022 GBK": "GBK",
    "ISO 2022 58": "ISO 2022 IR 58",
    "ASCII": "ISO_IR 6",
}
DEFAULT = Repertoire()
