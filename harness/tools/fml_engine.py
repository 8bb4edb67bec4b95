"""The independent engine `fml-cli`, a program of its own: written in Rust, sharing no code with HL7's.

It is the oracle of the tests: it reads the very maps that the other engines run, so that it shows whether
they depend on a peculiarity of one engine. It transforms and does nothing else. It computes with binary
doubles, past which `Digits` carries the text of numbers. In a checkout it is the engine `fml`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path

from sr2fhir.engines import EngineOptions, messages
from sr2fhir.engines.java.options import SETUP_HINT
from sr2fhir.errors import EngineUnavailableError, TransformError
from sr2fhir.paths import Layout, layout
from sr2fhir.settings import CANONICAL

PROGRAM_VARIABLE = "SR2FHIR_FML"
PROGRAM = "fml"
INSTALL_HINT = (
    "`make fml-engine` builds it (Rust's cargo is needed); or install the crate fml-cli "
    f"and let {PROGRAM_VARIABLE} or the PATH lead to its program `{PROGRAM}`"
)
# Where a program can be made to read the standard input by the name of a file.
_STANDARD_INPUT = Path("/dev/stdin")
_MAPS = f"{CANONICAL}/StructureMap/"
# What it says -> what we say; the groups are names out of the maps, never values. Everything else is dropped.
_REASONS: tuple[tuple[str, str], ...] = (
    (
        r"recursion limit exceeded",
        "the content tree nests deeper than the engine fml reads (128 levels of JSON)",
    ),
    (r"groups nest more than (\d+) deep", "the content tree nests deeper than {0} groups"),
    (r"ran more than (\d+) rules", "it takes more than {0} rules"),
    (r"created more than (\d+) values", "it makes more than {0} values"),
    (r"no group `(\w+)`", "no group is named '{0}'"),
    (r"group `(\w+)` is in several", "more than one group is named '{0}'"),
    (r"type `([\w.]+)` is not known", "the type '{0}' is not known"),
    (r"source variable `(\w+)`", "there is no source variable '{0}'"),
    (r"target variable `(\w+)`", "there is no target variable '{0}'"),
    (r"unknown variable `(\w+)`", "there is no variable '{0}'"),
    (
        r"group `(\w+)` takes (\d+) arguments, the call passes (\d+)",
        "group '{0}' takes {1} variables, {2} are given",
    ),
    (r"evaluate gave (\d+) values", "an expression gave {0} values where one is needed"),
    (r"check `.*` failed", "a check of the map failed"),
    (r"the map has errors", "a map has a syntax error"),
    (r"not JSON", "a definition, a map or the document is not JSON"),
)
_RULE = re.compile(r"rule `([^`]+)`")
# a string, in which digits are no number, or a number
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+-]*', re.DOTALL)
_INTEGER = re.compile(rb"-?[0-9]{1,18}")
# what any double keeps: 15 digits, over the most of its range
_DOUBLE = Context(prec=15, rounding=ROUND_HALF_EVEN, Emin=-280, Emax=300, traps=[])


class FmlEngine:
    """Execute maps with the program `fml`, one process for each document.

    Parameters
    ----------
    options
        Its time limit is taken; the rest does not concern this engine.
    places
        Where the maps and definitions are.

    Raises
    ------
    EngineUnavailableError
        There is no such program.
    """

    def __init__(self, options: EngineOptions | None = None, places: Layout | None = None) -> None:
        self._options = options or EngineOptions()
        self._places = places or layout()
        self._program = program(self._places)

    def transform(self, document: bytes, map_url: str) -> bytes:
        """Turn a logical-model document into a resource; see `Transforms.transform`. XML is not read."""
        maps, entry = _entry(self._places, map_url)
        digits = Digits()
        with _as_file(digits.sent(document)) as (name, stream):
            command = [self._program, "run", str(entry), name]
            command += ["--maps", str(maps), "--package", str(self._places.definitions)]
            done = self._run(command, stream)
        if done.returncode:
            raise self._failure(done)
        return digits.restored(done.stdout)

    def label(self) -> str:
        """Name the engine; see `Engine.label`."""
        return "engine fml"

    def version(self) -> str:
        """Name the program and its version."""
        said = self._run([self._program, "--version"], b"").stdout.decode("utf-8", "replace").split()
        return f"fml-cli {said[-1]}" if said else "fml-cli of an unknown version"

    def close(self) -> None:
        """Release nothing: each process ends with its document."""

    def _run(self, command: Sequence[str], stream: bytes) -> subprocess.CompletedProcess[bytes]:
        """Run the program within the time limit."""
        limit = self._options.timeout_s
        try:
            return subprocess.run(command, input=stream, capture_output=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            raise TransformError(f"the engine fml gave no result within {limit:g} s") from None
        except OSError as error:
            message = f"{self._program} does not start: {error.strerror}"
            raise EngineUnavailableError(message, hint=INSTALL_HINT) from None

    def _failure(self, done: subprocess.CompletedProcess[bytes]) -> TransformError:
        """Make the error of a process that failed, with names of the maps and no values."""
        said = done.stderr.decode("utf-8", "replace")
        location = _location(said, self._places.map_index)
        named = f" (rule {location.rule})" if location.rule else ""
        return TransformError(
            f"the engine fml refused: {_reason(said, done.returncode)}{named}",
            map_name=location.map_name,
            group=location.group,
            rule=location.rule,
            file=location.file,
            line=location.line,
            where=f"{location.file}:{location.line}" if location.file else None,
        )


def program(places: Layout) -> str:
    """Find the program: where SR2FHIR_FML says, on the PATH, or where `make fml-engine` put it.

    Raises
    ------
    EngineUnavailableError
        It is in none of these places.
    """
    named = os.environ.get(PROGRAM_VARIABLE)
    built = shutil.which(PROGRAM, path=str(places.home / "fml" / "bin"))
    found = shutil.which(named) if named else shutil.which(PROGRAM) or built
    if not found:
        where = (
            f"{PROGRAM_VARIABLE} names no program" if named else f"the program `{PROGRAM}` is not installed"
        )
        raise EngineUnavailableError(f"the engine fml is not there: {where}", hint=INSTALL_HINT)
    return found


def _entry(places: Layout, map_url: str) -> tuple[Path, Path]:
    """Return the folder of the maps and the file of one: sources, or compiled where there are no others."""
    name = map_url.removeprefix(_MAPS)
    for folder, ending in ((places.maps, ".map"), (places.compiled_maps, ".json")):
        found = sorted(folder.rglob(f"{name}{ending}")) if name.isidentifier() else []
        if found:
            return folder, found[0]
    raise TransformError(f"there is no map {map_url}", hint=SETUP_HINT)


@contextmanager
def _as_file(document: bytes) -> Iterator[tuple[str, bytes]]:
    """Return a file name under which a process reads the document, and what to put into its standard input.

    A report touches the disk only where no file name stands for the standard input.
    """
    if _STANDARD_INPUT.exists():
        yield str(_STANDARD_INPUT), document
        return
    with tempfile.TemporaryDirectory(prefix="sr2fhir-") as folder:
        file = Path(folder) / "document.json"
        file.write_bytes(document)
        yield str(file), b""


def _reason(said: str, code: int) -> str:
    """Say why, in words that hold names of the maps only."""
    for pattern, text in _REASONS:
        if match := re.search(pattern, said):
            return text.format(*match.groups())
    return "the process was killed" if code < 0 else f"the process ended with code {code}"


def _location(said: str, index_file: Path) -> messages.Location:
    """Find the rule that is named; since map and group are not, only a name that is used once is located."""
    rule = next(iter(_RULE.findall(said)), None)
    table = json.loads(index_file.read_bytes()) if rule and index_file.is_file() else {}
    homes = [
        (name, group)
        for name, entry in table.items()
        for group, content in entry["groups"].items()
        if rule in content["rules"]
    ]
    return (
        messages.locate(messages.Location(*homes[0], rule), index_file)
        if len(homes) == 1
        else messages.Location(rule=rule)
    )


class Digits:
    """Carry the decimals of one document past an engine that computes with binary doubles.

    Such an engine makes `12.50` to `12.5` and rounds what has more than 15 digits. Maps copy decimals and
    never compute with them, so each goes there as a number near it that a double keeps, another one for each
    text, and comes back as the text that it stood for. Integers, which maps compare, are kept by such engines
    and go as they are; so does everything else in the document, byte by byte.
    """

    def __init__(self) -> None:
        self._stand_ins: dict[bytes, Decimal] = {}
        self._texts: dict[Decimal, bytes] = {}

    def sent(self, document: bytes) -> bytes:
        """Return a JSON document with a number that a double keeps in the place of each decimal."""
        return _replaced(document, self._stand_in)

    def restored(self, result: bytes) -> bytes:
        """Return what an engine made of the document, with the decimals as they stood in the document."""
        return _replaced(result, self._text)

    def _stand_in(self, text: bytes) -> bytes:
        """Find the number that stands for a decimal; what no double holds is for the engine to refuse."""
        found = self._stand_ins.get(text)
        if found is None:
            found = self._free(_rounded(text))
            self._stand_ins[text] = found
            if found.is_finite():
                self._texts[found] = text
        return f"{found:e}".encode("ascii") if found.is_finite() else text

    def _free(self, value: Decimal) -> Decimal:
        """Find the nearest number, from above, that stands for no other text."""
        while value in self._texts and value.is_finite():
            value = _DOUBLE.next_plus(value)
        return value

    def _text(self, number: bytes) -> bytes:
        """Find the decimal that a number stands for; one of the map's own stays as it is."""
        return self._texts.get(_rounded(number), number)


def _rounded(number: bytes) -> Decimal:
    """Read a number to the digits that a double keeps; what is none becomes NaN."""
    return _DOUBLE.create_decimal(number.decode("ascii"))


def _replaced(content: bytes, replace: Callable[[bytes], bytes]) -> bytes:
    """Replace each number that is no integer."""
    return _TOKEN.sub(lambda token: replace(token[0]) if _is_decimal(token[0]) else token[0], content)


def _is_decimal(token: bytes) -> bool:
    """Tell a decimal from a string and from an integer, of which there is no negative zero."""
    return token[:1] != b'"' and (_INTEGER.fullmatch(token) is None or token == b"-0")
