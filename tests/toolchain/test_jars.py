"""Fetching jars: verified, resumable, from whatever Maven repository the machine is configured for."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sr2fhir import pins
from sr2fhir.errors import SetupError
from sr2fhir.pins import Jar
from sr2fhir.toolchain import jars

from .conftest import Notes, Project

NAMES = ["compiler-4.0.jar", "first-1.0.jar", "packages-1.0.jar", "second-2.0.jar", "third-3.0-data.jar"]


def present(project: Project) -> list[str]:
    return sorted(path.name for path in project.places.jars.iterdir())


def test_every_jar_is_fetched_once(project: Project, notes: Notes) -> None:
    jars.fetch_jars(project.places, notes, project.fetch)
    assert present(project) == NAMES
    assert notes.lines[-1] == "5/5"
    jars.fetch_jars(project.places, notes, project.fetch)
    assert len(project.fetched) == 5


def test_a_jar_with_another_hash_is_named_and_not_kept(project: Project, notes: Notes) -> None:
    damaged = Jar("org.example:second:2.0", "")
    project.stored(damaged).write_bytes(b"something else")
    with pytest.raises(SetupError, match=r"org\.example:second:2\.0 is not the one pinned"):
        jars.fetch_jars(project.places, notes, project.fetch)
    assert "second-2.0.jar" not in present(project)


def test_after_a_failure_only_the_rest_is_fetched(project: Project, notes: Notes) -> None:
    missing = project.stored(Jar("org.example:third:3.0:data", ""))
    content = missing.read_bytes()
    missing.unlink()
    with pytest.raises(SetupError, match=r"could not download org\.example:third:3\.0:data.*registries"):
        jars.fetch_jars(project.places, notes, project.fetch)
    had = set(present(project))
    missing.write_bytes(content)
    project.fetched.clear()
    jars.fetch_jars(project.places, notes, project.fetch)
    assert present(project) == NAMES
    assert {Jar(name, "").filename for name in project.fetched} == set(NAMES) - had


def test_a_jar_damaged_later_is_fetched_again(project: Project, notes: Notes) -> None:
    jars.fetch_jars(project.places, notes, project.fetch)
    project.fetched.clear()
    (project.places.jars / "first-1.0.jar").write_bytes(b"first jaw")
    jars.fetch_jars(project.places, notes, project.fetch)
    assert project.fetched == ["org.example:first:1.0"]
    assert (project.places.jars / "first-1.0.jar").read_bytes() == b"first jar"


def test_a_broken_connection_is_tried_again(project: Project, notes: Notes) -> None:
    broken = iter((True, True, False))

    def fetch(jar: Jar, folder: Path) -> Path:
        if jar.coordinates.startswith("org.example:first") and next(broken):
            raise ConnectionError("cut off")
        return project.fetch(jar, folder)

    jars.fetch_jars(project.places, notes, fetch)
    assert present(project) == NAMES


KILLED = """
import os, sys, time
from pathlib import Path
from sr2fhir.paths import Layout
from sr2fhir.toolchain import jars
from sr2fhir.toolchain.steps import Progress

def fetch(jar, folder):
    folder.mkdir(parents=True)
    target = folder / jar.filename
    target.write_bytes(b"half of")
    os.write(1, b"begun" + bytes([10]))
    time.sleep(60)

jars.fetch_jars(Layout(Path(sys.argv[1]), Path(sys.argv[2])), Progress(1, sys.stderr), fetch)
"""


def test_a_killed_set_up_leaves_no_half_jar_and_goes_on(project: Project, notes: Notes) -> None:
    command = [sys.executable, "-c", KILLED, str(project.places.sources), str(project.places.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert first == "begun\n"
    assert present(project) == []
    jars.fetch_jars(project.places, notes, project.fetch)
    assert present(project) == NAMES
    assert not (project.places.scratch / "maven").exists()


# ---- where they come from -----------------------------------------------------------------------------------------


def test_jars_come_from_the_configured_repository(
    project: Project, notes: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(project.repository)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        settings = tmp_path / "jgo.conf"
        settings.write_text(f"[repositories]\nlocal = http://127.0.0.1:{server.server_port}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
        jars.fetch_jars(project.places, notes)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert present(project) == NAMES
    assert "/org/example/third/3.0/third-3.0-data.jar" in asked


MIRRORS = """<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0"><mirrors>
<!-- a comment --><mirror><id>inner</id><mirrorOf>{of}</mirrorOf><url>http://mirror.example/maven/</url></mirror>
</mirrors></settings>"""


@pytest.mark.parametrize(
    ("covers", "used"),
    [
        ("central", True),
        ("*", True),
        ("other, central", True),
        ("other", False),
        ("*,!central", False),
    ],
)
def test_mavens_mirror_of_central_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, covers: str, used: bool
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "none"))
    (tmp_path / ".m2").mkdir()
    (tmp_path / ".m2" / "settings.xml").write_text(MIRRORS.replace("{of}", covers))
    expected = {"inner": "http://mirror.example/maven"} if used else None
    assert jars.remote_repositories({}) == expected


def test_without_configuration_the_resolver_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "none"))
    assert jars.remote_repositories({}) is None


# ---- the pins themselves ------------------------------------------------------------------------------------------


def test_every_part_is_pinned_and_no_file_names_an_address() -> None:
    root = Path(__file__).resolve().parents[2]
    content = pins.load(root / "engine.toml")
    assert all(len(jar.sha256) == 64 for jar in (*content.jars, content.resources))
    assert len({jar.filename for jar in content.jars}) == len(content.jars)
    locks = [root / "engine.toml", root / ".npmrc", root / "package.json", *(root / "locks").iterdir()]
    assert not [path.name for path in locks if "://" in path.read_text(encoding="utf-8")]
    assert '"resolved"' not in (root / "package-lock.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["runtime", "dev", "node"])
def test_every_python_package_is_locked_with_a_hash(name: str) -> None:
    root = Path(__file__).resolve().parents[2]
    text = (root / "locks" / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert packages
    assert not [line for line in packages if "==" not in line or "--hash=sha256:" not in line]
