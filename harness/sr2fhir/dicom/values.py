"""Values of data elements: Value Representations (PS3.5 6.2) and Specific Character Set (0008,0005).

Values are what pydicom holds for a text, made without its warnings, which quote the value. Nothing is
replaced silently: each text comes with the problem met in decoding it. Sources of the tables of
character sets: PS3.3 C.12.1.1.2, Tables C.12-2 to C.12-5; of the rules for code extensions: PS3.5 6.1.2.5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from pydicom import config
from pydicom.datadict import dictionary_VR, private_dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import IS, DSfloat, PersonName

# ---- value representations ---------------------------------------------------------------------------------

PADDING = " \0"


class StringRule(NamedTuple):
    """How one value of a string VR is made, whether there can be several, and what padding is cut off."""

    make: Callable[[str], Any]
    several: bool = True
    trim: Callable[[str], str] = lambda text: text.rstrip(PADDING)


def both_ends(text: str) -> str:
    """Cut padding off at both ends, where leading spaces do not count either."""
    return text.strip(PADDING)


def uid(text: str) -> UID:
    """Hold a UID; its form is checked where it is used."""
    return UID(text, config.IGNORE)


def decimal(text: str) -> Any:
    """Hold a decimal string with its text; what is no number stays text."""
    try:
        return DSfloat(text, validation_mode=config.IGNORE)
    except ValueError:
        return text


def integer(text: str) -> Any:
    """Hold an integer string with its text; what is no number stays text."""
    try:
        return IS(text, config.IGNORE)
    except (ValueError, OverflowError):
        return text


def person_name(text: str) -> PersonName:
    """Hold a person name."""
    return PersonName(text, validation_mode=config.IGNORE)


STRINGS = {
    "AE": StringRule(str, trim=both_ends),
    "AS": StringRule(str),
    "CS": StringRule(str, trim=both_ends),
    "DA": StringRule(str),
    "DS": StringRule(decimal, trim=both_ends),
    "DT": StringRule(str),
    "IS": StringRule(integer, trim=both_ends),
    "LO": StringRule(str),
    "LT": StringRule(str, several=False),
    "PN": StringRule(person_name),
    "SH": StringRule(str),
    "ST": StringRule(str, several=False),
    "TM": StringRule(str),
    "UC": StringRule(str),
    "UI": StringRule(uid, trim=both_ends),
    "UR": StringRule(str, several=False),
    "UT": StringRule(str, several=False),
}
# VRs to which Specific Character Set applies (PS3.5 6.1.2.2).
TEXTS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
# VR -> bytes of one value.
SIZES = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8}
NUMBERS = SIZES.keys() - {"AT"}
BYTES = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
# PS3.5 7.1.2: VRs with a length of two bytes; all others, known or to come, have two reserved bytes and four.
SHORT_LENGTH = (STRINGS.keys() | SIZES.keys()) - {"SV", "UC", "UR", "UT", "UV"}
KNOWN = frozenset({*STRINGS, *NUMBERS, *BYTES, "AT", "SQ"})
LONGEST_WITH_WRONG_UN = 0xFFFF


def element(tag: int, vr: str, value: Any) -> DataElement:
    """Make a data element of a value that is converted already."""
    return DataElement(BaseTag(tag), vr, value, already_converted=True, validation_mode=config.WARN)


def from_text(vr: str, text: str) -> Any:
    """Convert the text of a string VR; several values are separated by backslashes."""
    rule = STRINGS[vr]
    if not rule.several or "\\" not in text:
        return rule.make(rule.trim(text))
    texts = text.split("\\")
    return MultiValue(lambda item: rule.make(rule.trim(item)) if type(item) is str else item, texts)


def text_of(dataset: Dataset, tag: int) -> str:
    """Return the text of an attribute as it stands; empty where it is absent."""
    if tag not in dataset:
        return ""
    value = dataset.get_item(tag).value
    text = value.decode("latin_1") if isinstance(value, bytes) else str(value or "")
    return text.strip(PADDING)


@lru_cache(maxsize=4096)
def standard_vr(tag: int) -> str | None:
    """Look up the VR that PS3.6 gives to an attribute; None for private and unknown ones."""
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "UL" if tag & 0xFFFF == 0 else None


@lru_cache(maxsize=4096)
def private_vr(tag: int, creator: str) -> str | None:
    """Look up the VR that a known private dictionary gives to an attribute."""
    try:
        return str(private_dictionary_VR(tag, creator))
    except KeyError:
        return None


def is_private(tag: int) -> bool:
    """Tell whether the group is odd."""
    return bool(tag & 0x10000)


def creator_tag(tag: int) -> int:
    """Name the attribute that reserves the block of a private one (PS3.5 7.8.1); 0 where none can."""
    block = tag >> 8 & 0xFF
    return tag & 0xFFFF0000 | block if block >= 0x10 else 0


# ---- character sets ----------------------------------------------------------------------------------------

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
