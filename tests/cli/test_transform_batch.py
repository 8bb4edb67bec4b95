"""Runs over many inputs as a user starts them: workers, NDJSON, lists, and what happens when one is cut short."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sr2fhir import toolchain
from sr2fhir.cli.main import main
from sr2fhir.engines import Engine
from sr2fhir.errors import EngineUnavailableError

from tests.processes import interruptible

SMALL = "real_dcmjs_ohif_bidirectional.dcm"
# so many that a run is not over before it is interrupted
MANY = 60
FORMS = [(), ("--ndjson",)]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "sr2fhir", "transform", *map(str, arguments)]


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, samples: list[Path]) -> Path:
    """Make a folder of all samples, one of them twice, and of what is none."""
    folder = tmp_path_factory.mktemp("mixed")
    for sample in samples:
        shutil.copy(sample, folder)
    shutil.copy(samples[0], folder / "again.dcm")
    (folder / "bad.dcm").write_bytes(b"no")
    return folder


@pytest.fixture
def with_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands in this process use the engine of the tests."""
    monkeypatch.setattr(engine, "close", lambda: None)
    monkeypatch.setattr(toolchain, "make_engine", lambda *_: engine)


# ---- workers, forms, lists


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.usefixtures("with_engine")
def test_several_workers_write_the_same(form: Sequence[str], mixed: Path, tmp_path: Path) -> None:
    for jobs in ("1", "2"):
        assert main(["transform", str(mixed), "--out", str(tmp_path / jobs), "--jobs", jobs, *form]) == 1
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


@pytest.mark.usefixtures("with_engine")
def test_ndjson_holds_what_the_bundles_hold(mixed: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(["transform", str(mixed), "--out", str(tmp_path / "bundles")]) == 1
    capsys.readouterr()
    assert main(["transform", str(mixed), "--out", str(tmp_path / "lines"), "--ndjson"]) == 1
    printed = capsys.readouterr().out
    bundles = [json.loads(path.read_bytes()) for path in (tmp_path / "bundles").glob("*.bundle.json")]
    entries = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    lines = {
        path.name: [json.loads(line) for line in path.read_bytes().splitlines()]
        for path in (tmp_path / "lines").iterdir()
    }
    outcomes, reports = lines.pop("OperationOutcome.ndjson"), lines.pop("reports.jsonl")
    written = [(kind, line) for kind, resources in lines.items() for line in resources]
    assert all(kind == f"{line['resourceType']}.ndjson" for kind, line in written)
    assert {line["id"] for _, line in written} == {entry["id"] for entry in entries}
    repeated = len(entries) - len(written)
    assert repeated > 0
    assert f"{repeated} resources stood in an earlier input too" in printed
    assert len(reports) == len(bundles)
    assert [o for o in outcomes if o["issue"][0]["diagnostics"].startswith("bad.dcm")]


@pytest.mark.usefixtures("with_engine")
def test_names_on_standard_input(mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mixed)
    names = tmp_path / "names"
    names.write_text(f"# reports\n{SMALL}\nagain.dcm\n")
    with names.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["transform", "@-", "--out", str(tmp_path / "out")]) == 0
    assert main(["transform", f"@{names}", "--out", str(tmp_path / "same")]) == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "same")
    assert len(contents(tmp_path / "out")) == 6


@pytest.mark.parametrize(
    "arguments",
    [["--out", "-"], ["--out", "x.json"], ["--format", "xml"], ["--bundle", "transaction"]],
)
def test_what_ndjson_cannot_be(
    arguments: list[str], mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["transform", str(mixed), "--ndjson", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


# ---- cut short


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, samples_dir: Path) -> Path:
    """Make a folder of many reports, each with a UID of its own."""
    folder = tmp_path_factory.mktemp("many")
    data = (samples_dir / SMALL).read_bytes()
    uid = b"1.2.276.0.7230010.3.1.4"
    for number in range(MANY):
        (folder / f"{number:03}.dcm").write_bytes(data.replace(uid, b"1.2.276.0.%07d.3.1.4" % number))
    return folder


@pytest.mark.skipif(os.name == "nt", reason="signals are sent differently on Windows")
@pytest.mark.parametrize(
    ("number", "code", "jobs", "form"),
    [
        ("SIGKILL", -9, 2, ()),
        ("SIGKILL", -9, 2, ("--ndjson",)),
        ("SIGINT", 130, 2, ()),
        ("SIGINT", 130, 1, ("--ndjson",)),
    ],
)
@pytest.mark.usefixtures("with_engine")
def test_a_run_that_was_cut_short_is_gone_on_with(
    number: str, code: int, jobs: int, form: Sequence[str], many: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        interruptible(command(many, "--out", out, "--jobs", jobs, *form)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    for _ in range(10):
        process.stdout.readline()
    process.send_signal(getattr(signal, number))
    _, error = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in error.decode()
    assert ("--resume" in error.decode()) == (number == "SIGINT")
    assert len(contents(out)) < 3 * MANY
    assert not list(out.glob("*.ndjson"))
    assert all(json.loads(file.read_bytes()) for file in out.glob("*.json"))
    assert main(["transform", str(many), "--out", str(out), "--resume", *form]) == 0
    assert main(["transform", str(many), "--out", str(tmp_path / "undisturbed"), *form]) == 0
    assert contents(out) == contents(tmp_path / "undisturbed")


@pytest.mark.usefixtures("with_engine")
def test_the_summary_of_a_resumed_run_counts_all(
    engine: Engine, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(toolchain, "make_engine", lambda *_: Leaving(engine, 30))
    arguments = ["transform", str(many), "--out", str(tmp_path)]
    assert main(arguments) == 1
    assert "30 inputs done; the same command with --resume" in capsys.readouterr().err
    monkeypatch.setattr(toolchain, "make_engine", lambda *_: engine)
    assert main([*arguments, "--resume"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("✔") for line in printed) == MANY - 30
    assert f"{MANY} inputs (30 of them before the interruption): {MANY} transformed, 0 failed" in "".join(
        printed
    )


# ---- an engine that leaves


class Leaving:
    """An engine that is not to be had any more after so many transforms."""

    def __init__(self, engine: Engine, after: int) -> None:
        self.engine = engine
        self.left = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def transform(self, document: bytes, *arguments: str) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise EngineUnavailableError("the server is gone", hint="Start it again")
        return self.engine.transform(document, *arguments)


@pytest.mark.parametrize(("after", "code", "jobs"), [(0, 3, "1"), (0, 3, "2"), (5, 1, "1")])
def test_an_engine_that_leaves_ends_the_run(
    after: int,
    code: int,
    jobs: str,
    engine: Engine,
    many: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    """No Bundle at all: no engine (3). Some Bundles: done with files that failed (1), and no half one."""
    monkeypatch.setattr(engine, "close", lambda: None)
    monkeypatch.setattr(toolchain, "make_engine", lambda *_: Leaving(engine, after))
    out = tmp_path / "out"
    assert main(["transform", str(many), "--out", str(out), "--jobs", jobs]) == code
    error = capsys.readouterr().err
    assert f"{after:03}.dcm: the server is gone. Start it again" in error
    written = sorted(path.name for path in out.glob("*.bundle.json"))
    assert [f"{number:03}.dcm.bundle.json" for number in range(after)] == written
    assert bool(written) == out.exists()


# ---- a worker that dies


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="workers are found in /proc, which is not there")
def test_workers_that_are_killed_take_no_input_with_them(many: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(many, "--out", tmp_path / "out", "--jobs", "2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.readline()
    # all at once: an input that is given to the next worker before that is killed, too, has died twice and is lost
    os.kill(process.pid, signal.SIGSTOP)
    for worker in workers_of(process.pid):
        os.kill(worker, signal.SIGKILL)
    os.kill(process.pid, signal.SIGCONT)
    printed, error = process.communicate(timeout=120)
    assert (process.returncode, error) == (0, b"")
    assert f"{MANY} inputs: {MANY} transformed, 0 failed" in printed.decode()


def workers_of(parent: int) -> list[int]:
    """Find the worker processes of a run."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
