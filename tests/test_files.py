"""Files that are written whole or not at all, and the lock between processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sr2fhir.files import FileLock, replace_file, replace_folder, sha256


def test_a_file_is_written_with_its_folder_and_leaves_no_part(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x"
    replace_file(path, b"one")
    replace_file(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_stays_as_it_was_where_filling_fails(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with replace_folder(path) as folder:
        (folder / "old").write_bytes(b"1")
    with pytest.raises(FileNotFoundError), replace_folder(path) as folder:
        (folder / "new" / "new").write_bytes(b"2")
    assert [entry.name for entry in path.iterdir()] == ["old"]
    with replace_folder(path) as folder:
        (folder / "new").write_bytes(b"2")
    assert [entry.name for entry in path.iterdir()] == ["new"]


def test_a_hash_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    assert sha256(tmp_path / "x") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    first, second = FileLock(path, 0), FileLock(path, 0.05)
    assert first.acquire()
    assert not second.acquire()
    with pytest.raises(TimeoutError), second:
        pass
    first.release()
    with second:
        assert not first.acquire()
    assert first.acquire()
    first.release()
    first.release()


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    script = (
        "import sys, time; from pathlib import Path; from sr2fhir.files import FileLock\n"
        "FileLock(Path(sys.argv[1])).acquire(); print('held', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert not FileLock(path, 0).acquire()
        process.kill()
    assert FileLock(path, 0).acquire()
