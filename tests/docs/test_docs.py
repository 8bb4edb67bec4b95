"""The documentation says what is so: commands exist, links lead somewhere, tables are complete, examples run."""

from __future__ import annotations

import argparse
import doctest
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
import sr2fhir
from sr2fhir import errors
from sr2fhir.cli import gateway, main as cli
from sr2fhir.dicom import DEFAULT_LIMITS, Limits
from sr2fhir.dicom.source import variable
from sr2fhir.engines import names
from sr2fhir.findings import REASONS
from sr2fhir.paths import layout

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

ROOT = layout().sources
DOCS = ROOT / "docs"
SVG_TEXT = "{http://www.w3.org/2000/svg}text"
SAMPLE = Path("samples/real_hl7_dicom_sr_ig_example.json")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
OPERATORS = {"|", "<", ">", "&&", ";"}
PLACEHOLDER = re.compile(r"<\w[^<>|]*>")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE_PATH = re.compile(
    r"`((?:harness|maps|fsh|tests|docs|samples|locks)/[\w./-]*|engine\.toml|package-lock\.json)`"
)
PACKAGE_FOLDERS = re.compile(r"`(\w+/)`")


def blocks(page: Path, language: str) -> list[str]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [text for kind, text in found if kind == language]


def table(page: str, head: str) -> list[list[str]]:
    """Return the cells of the table whose first column has this head."""
    lines = iter((ROOT / page).read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.startswith(f"| {head} |"):
            next(lines)
            rows = takewhile(lambda row: row.startswith("|"), lines)
            return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    raise AssertionError(f"{page} has no table that begins with {head}")


def code(cell: str) -> str:
    return cell.strip("`")


# ---- commands ------------------------------------------------------------------------------------------------


def commands() -> Iterator[Any]:
    for page in PAGES:
        for block in blocks(page, "shell"):
            for line in block.splitlines():
                yield from (
                    pytest.param(part, id=f"{page.name}: {shlex.join(part)}"[:80]) for part in simple(line)
                )


def simple(line: str) -> Iterator[list[str]]:
    """Split a line of shell into its simple commands, without redirections and settings of variables."""
    lexer = shlex.shlex(PLACEHOLDER.sub("URL", line), posix=True, punctuation_chars="|<>&;")
    lexer.whitespace_split = True
    words: list[str] = []
    skip = False
    for token in [*lexer, ";"]:
        if token in ("<", ">"):
            skip = True
        elif token in OPERATORS:
            yield words
            words = []
        elif not skip:
            words.append(token)
        else:
            skip = False


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    return cli.parser({name: import_module(f"sr2fhir.cli.{name}") for name in cli.COMMANDS})


@pytest.mark.parametrize("words", list(commands()))
def test_every_command_exists(words: list[str], parser: argparse.ArgumentParser) -> None:
    program, *arguments = words
    if Path(program).name == "sr2fhir":
        parser.parse_args(cli.join_signed(arguments))
    elif program == "make":
        check_make(arguments)
    else:
        assert program in {"git", "cd", "curl"}, f"no test knows whether {program} is used rightly"


def check_make(arguments: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):(?!=)", makefile, re.MULTILINE))
    variables = set(re.findall(r"^(\w+) \?=", makefile, re.MULTILINE))
    for argument in arguments:
        name, is_setting, _ = argument.partition("=")
        assert name in (variables if is_setting else targets)


def test_a_wrong_command_would_be_noticed(
    parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser.parse_args(["transform", "a.dcm", "--no-such-option"])
    assert "--no-such-option" in capsys.readouterr().err
    with pytest.raises(AssertionError):
        check_make(["no-such-target"])
    assert list(simple("A a 'b c' < in | B --x > out")) == [["A", "a", "b c"], ["B", "--x"]]


def test_make_targets_named_in_the_text_exist() -> None:
    for page in PAGES:
        for command in re.findall(r"`make ([^`]+)`", page.read_text(encoding="utf-8")):
            check_make(shlex.split(command))


def test_sr2fhir_commands_named_in_the_text_exist(parser: argparse.ArgumentParser) -> None:
    found = [
        command
        for page in PAGES
        for command in re.findall(r"`sr2fhir ((?!COMMAND)[^`]+)`", page.read_text(encoding="utf-8"))
    ]
    assert {command.split()[0] for command in found} <= set(cli.COMMANDS)


def test_options_named_in_the_text_exist(
    capsys: pytest.CaptureFixture[str], parser: argparse.ArgumentParser
) -> None:
    actions = [["gateway", action] for action in gateway.ACTIONS]
    for words in [*([name] for name in cli.COMMANDS), *actions]:
        with pytest.raises(SystemExit):
            parser.parse_args([*words, "--help"])
    known = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))
    for page in PAGES:
        text = BLOCK.sub("", page.read_text(encoding="utf-8"))
        named = set(re.findall(r"`(--[a-z][a-z-]+)", text))
        assert named <= known, page.name


# ---- links and paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    targets = [target.partition("#")[0] for target in LINK.findall(text) if "://" not in target]
    missing = [target for target in targets if target and not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_paths_in_the_text_exist(page: Path) -> None:
    found = CODE_PATH.findall(page.read_text(encoding="utf-8"))
    assert not [path for path in found if not (ROOT / path).exists()]


def test_the_index_names_every_page() -> None:
    linked = set(LINK.findall((DOCS / "README.md").read_text(encoding="utf-8")))
    assert linked >= {page.name for page in PAGES if page.parent == DOCS} - {"README.md"}


# ---- tables --------------------------------------------------------------------------------------------------


def test_every_reason_is_explained() -> None:
    rows = table("docs/errors.md", "reason")
    assert {code(row[0]): row[1] for row in rows} == REASONS
    assert all(len(row) == 4 and row[2] and row[3] for row in rows)


def family(kind: type[errors.Sr2FhirError]) -> Iterator[type[errors.Sr2FhirError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from family(child)


def test_the_tree_of_errors_is_the_real_one() -> None:
    (tree,) = [block for block in blocks(DOCS / "errors.md", "text") if "Sr2FhirError" in block]
    parents: dict[int, str] = {}
    found = set()
    for line in tree.splitlines():
        depth, name = len(re.match(r"[\W_]*", line)[0]) // 4, line.strip("│├└─ ")  # type: ignore[index]
        parents[depth] = name
        found.add((name, parents.get(depth - 1)))
    real = {(kind.__name__, kind.__base__.__name__) for kind in family(errors.Sr2FhirError)}  # type: ignore[union-attr]
    assert found == (real - {("Sr2FhirError", "Exception")}) | {("Sr2FhirError", None)}


def test_every_error_is_explained_with_its_issue_type_and_exit_code() -> None:
    rows = table("docs/errors.md", "error")
    said = {code(row[0]): (row[1], int(row[2])) for row in rows}
    real = {kind.__name__: (kind.code, cli.exit_code(kind("what"))) for kind in family(errors.Sr2FhirError)}
    assert said == real
    assert all(row[3] and row[4] for row in rows)


def test_every_exit_code_is_explained() -> None:
    said = {int(row[0]) for row in table("docs/errors.md", "code")}
    assert said == {
        value
        for name, value in vars(cli).items()
        if re.fullmatch(r"EXIT_[A-Z]+", name) and name != "EXIT_CODES"
    }


def test_every_engine_is_listed() -> None:
    assert {code(row[0]) for row in table("docs/engines.md", "name")} == set(names())


def test_every_environment_variable_is_listed_with_its_default() -> None:
    page = (DOCS / "environment.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(SR2FHIR_\w+)`", page, re.MULTILINE))
    limits = {variable(field.name): getattr(DEFAULT_LIMITS, field.name) for field in fields(Limits)}
    sources = (ROOT / "harness").rglob("*.py")
    used = {
        name
        for path in sources
        for name in re.findall(r"SR2FHIR_[A-Z]+(?:_[A-Z]+)*\b", path.read_text("utf-8"))
    }
    assert listed == used | limits.keys()
    said = {code(row[0]): int(row[1].replace(",", "")) for row in table_of_limits()}
    assert said == limits


def table_of_limits() -> list[list[str]]:
    page = (DOCS / "environment.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(SR2FHIR_MAX_\w+)` \| ([\d,]+) \|", page, re.MULTILINE)
    return [list(row) for row in rows]


def test_every_public_name_is_in_the_page_on_python() -> None:
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\w+", page))
    family_names = {name for name in sr2fhir.__all__ if name.endswith("Error")}
    assert set(sr2fhir.__all__) - family_names - {"__version__"} <= named


# ---- examples ------------------------------------------------------------------------------------------------


class Kept:
    """The engine of the session, which examples may not close."""

    def __init__(self, engine: Engine) -> None:
        self.transform = engine.transform
        self.validate = engine.validate
        self.to_xml = engine.to_xml
        self.version = engine.version

    def close(self) -> None:
        """Stay open."""


@pytest.fixture
def session_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sr2fhir.toolchain.make_engine", lambda *_, **__: Kept(engine))


@pytest.mark.usefixtures("session_engine")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "pycon")], ids=lambda page: page.name
)
def test_python_examples_give_what_they_say(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = "\n".join(blocks(page, "pycon"))
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    said: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert results.attempted
    assert not results.failed, "".join(said)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_other_python_blocks_compile(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block, page.name, "exec")


@pytest.mark.usefixtures("session_engine")
def test_the_quickstart_shows_what_transform_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = [block.strip() for block in blocks(DOCS / "quickstart.md", "text") if "resources" in block]
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    assert cli.main(["transform", str(ROOT / SAMPLE), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out.replace(f"{tmp_path}/", "").splitlines()
    assert [words(line)] == [words(each) for each in printed if SAMPLE.name in each and "resources" in each]


def words(line: str) -> list[str]:
    """Split a line, without the signs, which depend on the terminal."""
    return [word for word in line.split() if re.search(r"\w", word)]


def test_the_excerpt_of_the_logical_model_is_what_is_rendered() -> None:
    (excerpt,) = blocks(DOCS / "logical-model.md", "jsonc")
    said = json.loads(re.sub(r"\s//\s.*$", "", excerpt, flags=re.MULTILINE))
    rendered = json.loads(sr2fhir.render(ROOT / SAMPLE).to_json())
    assert not list(differences(said, rendered, ""))


def differences(said: Any, real: Any, path: str) -> Iterator[str]:
    """Yield where an excerpt says something else than the whole, which may hold more."""
    if isinstance(said, dict) and isinstance(real, dict):
        for key, value in said.items():
            yield from differences(value, real.get(key), f"{path}.{key}")
    elif isinstance(said, list) and isinstance(real, list):
        for index, value in enumerate(said):
            if all(list(differences(value, other, "")) for other in real):
                yield f"{path}[{index}]"
    elif said != real:
        yield path


def test_differences_are_found() -> None:
    assert list(differences({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "")) == [".a[0]"]
    assert not list(differences({"a": [{"b": 1}]}, {"a": [{"b": 2}, {"b": 1, "c": 0}]}, ""))


# ---- the picture ---------------------------------------------------------------------------------------------


def test_the_picture_shows_what_the_sample_becomes(engine: Engine) -> None:
    """It is kept by hand: each item stands in the report, each value in the Bundle."""
    svg = ElementTree.parse(DOCS / "images" / "tree-to-fhir.svg")
    lines = [list(text.itertext()) for text in svg.iter(SVG_TEXT) if len(text)]
    result = sr2fhir.Transformer(engine).transform(ROOT / SAMPLE)
    known = {
        line.source: dict(line.description) for line in (*result.report.attributes, *result.report.items)
    }
    texts = set(strings(result.bundle))
    assert len(lines) > 90
    for head, *rest in lines:
        label = "".join(rest).strip()
        if head in known:
            value_type, _, meaning = label.partition("  ")
            assert value_type == known[head].get("valueType", ""), (head, label)
            assert meaning.partition(":")[0] in known[head].get("concept", ""), (head, label)
        else:
            shown = label.removesuffix("…")
            assert shown in texts or (shown != label and any(shown in text for text in texts)), (head, label)


def strings(node: Any) -> Iterator[str]:
    """Yield all values below a node, names and quantities as a reader writes them, and the names of profiles."""
    if isinstance(node, dict):
        yield " ".join([*node.get("given", ()), node.get("family", "")])
        yield f"{node.get('value')} {node.get('unit')}"
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from strings(each)
    else:
        yield from ("", str(node), str(node).rpartition("/")[2])
