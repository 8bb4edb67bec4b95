"""Intake from a folder into which others write.

A file is taken when it no longer grows: size, time and number of the file are the same as some seconds ago.
On a local disk, one that was last written long enough ago, such as one that was moved in, is taken at once;
the clock of a share may be another. Archives and arrays are taken apart as `sr2fhir transform` does.

watchfiles tells that something has changed; what has changed, the folder says. So nothing is missed where
events are lost, as they are on network shares.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Literal, NamedTuple

from watchfiles import watch

from sr2fhir.dicom.source import in_force, printable
from sr2fhir.errors import InputError, UsageError
from sr2fhir.gateway.parts import Alarm, Check
from sr2fhir.gateway.store import BusyError, Origin, Store
from sr2fhir.runs.discovery import discover, head_of_file
from sr2fhir.runs.inputs import FileInput, Input, hidden, reason_to_skip

DONE, REFUSED = "done", "refused"
# milliseconds: between events that belong together, and between two looks of the watcher at a share
_TOGETHER_MS, _LOOK_MS = 200, 1000
# seconds until a folder that cannot be read is tried again
_AGAIN_S = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FolderSettings:
    """What `[[intake.folder]]` in gateway.toml says.

    Parameters
    ----------
    path
        The folder; those in it are watched as well, but for hidden ones.
    after
        What becomes of a file: `keep`, it stays; `move`, it goes to `done/` or `refused/` in the folder.
    poll
        Whether to look for changes instead of being told: on network shares, which tell of none.
    settle_s
        Seconds for which a file has to stay the same.
    scan_s
        Seconds after which all is looked at, even if nothing is told.
    """

    path: Path
    after: Literal["keep", "move"] = "keep"
    poll: bool = False
    settle_s: float = 2.0
    scan_s: float = 30.0


class State(NamedTuple):
    """By what a file is seen to have changed."""

    size: int
    modified: int
    number: int


class Seen(NamedTuple):
    """A state, and since when a file has it, by the clock that never steps."""

    state: State
    since: float


class Folder:
    """The watcher of a folder.

    Parameters
    ----------
    settings
        Those of its `[[intake.folder]]`.
    store
        What accepts the objects.
    """

    def __init__(self, settings: FolderSettings, store: Store) -> None:
        self.name = f"folder {settings.path}"
        self._settings, self._store = settings, store
        self._stopped = Event()
        self._thread = Thread(target=self._run, name=self.name, daemon=True)
        self._waiting: dict[Path, Seen] = {}
        self._over: dict[Path, State] = {}
        self._refused = 0
        self._trouble: Alarm | None = None

    def start(self) -> None:
        """Begin to watch.

        Raises
        ------
        UsageError
            The folder cannot be used.
        """
        for check in self.check():
            if not check.ok:
                raise UsageError(check.message, where=str(self._settings.path), hint=check.hint)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End with the file that is being taken."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def check(self) -> Iterator[Check]:
        """See that the folder can be read and, where files are moved, written."""
        path = self._settings.path
        needed = os.R_OK | os.X_OK | (os.W_OK if self._settings.after == "move" else 0)
        if not path.is_dir():
            yield Check(self.name, False, "the folder is not there", "Make it, or correct the path")
        elif not os.access(path, needed):
            what = "read" if self._settings.after == "keep" else "read and written"
            hint = "Give the user of the gateway the right to it"
            yield Check(self.name, False, f"the folder cannot be {what}", hint)
        else:
            yield Check(self.name, True, "the folder can be used")

    def alarms(self) -> list[Alarm]:
        """Return what keeps files from being taken, and how many were refused."""
        found = [self._trouble] if self._trouble else []
        if self._refused:
            files = "1 file was" if self._refused == 1 else f"{self._refused:,} files were"
            where = "they are in refused/" if self._settings.after == "move" else "the log says why"
            found.append(Alarm("warning", self.name, f"{files} refused since the start; {where}"))
        return found

    # ---- watching

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._watch()
            except OSError as error:
                self._stumbled(f"the folder cannot be read ({error.strerror or type(error).__name__})")
            except BusyError as error:
                self._stumbled(error.message)
            except Exception as error:
                logger.exception("%s: unexpected", self.name)
                self._stumbled(f"unexpected {type(error).__name__}: see the log")

    def _stumbled(self, reason: str) -> None:
        if self._trouble is None or self._trouble.message != reason:
            logger.error("%s: %s", self.name, reason)
            self._trouble = Alarm("error", self.name, reason, time.time())
        self._stopped.wait(_AGAIN_S)

    def _watch(self) -> None:
        """Look whenever something has changed, while a file settles, and now and then anyway."""
        changes = watch(
            self._settings.path,
            watch_filter=lambda _, path: not self._is_ours(Path(path)),
            debounce=_TOGETHER_MS,
            stop_event=self._stopped,
            rust_timeout=max(int(self._settings.settle_s * 1000), 1),
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=self._settings.poll,
            poll_delay_ms=_LOOK_MS,
            ignore_permission_denied=True,
        )
        looked = float("-inf")
        for change in changes:
            if change or self._waiting or time.monotonic() - looked > self._settings.scan_s:
                self._look()
                self._trouble = None
                looked = time.monotonic()

    def _is_ours(self, path: Path) -> bool:
        """Tell whether something lies where files are moved to."""
        return self._settings.after == "move" and any(
            path.is_relative_to(self._settings.path / name) for name in (DONE, REFUSED)
        )

    # ---- files

    def _look(self) -> None:
        """Take what has settled, in the order of names."""
        now = time.monotonic()
        found = dict(self._files())
        self._waiting = {path: seen for path, seen in self._waiting.items() if path in found}
        self._over = {path: state for path, state in self._over.items() if path in found}
        for path, state in found.items():
            if self._stopped.is_set():
                return
            if self._over.get(path) == state:
                continue
            seen = self._waiting.get(path)
            if seen is None or seen.state != state:
                seen = self._waiting[path] = Seen(state, now)
            if now - seen.since >= self._settings.settle_s or self._is_old(state):
                self._take(path)
                self._waiting.pop(path, None)
                self._over[path] = state

    def _is_old(self, state: State) -> bool:
        """Tell whether a file was last written long enough ago, by the clock that wrote its time."""
        return not self._settings.poll and time.time() - state.modified / 1e9 > self._settings.settle_s

    def _files(self) -> Iterator[tuple[Path, State]]:
        """Find the files that may be documents."""

        def fail(error: OSError) -> None:
            if Path(error.filename) == self._settings.path:
                raise error

        for folder, folders, files in os.walk(self._settings.path, onerror=fail):
            inside = Path(folder)
            kept = (name for name in folders if not hidden(name) and not self._is_ours(inside / name))
            folders[:] = sorted(kept)
            for name in sorted(files):
                path = inside / name
                state = None if hidden(name) else _state(path)
                if state is not None:
                    yield path, state

    def _take(self, path: Path) -> None:
        """Have the store accept the objects of a file."""
        try:
            if reason_to_skip(path.name, lambda: head_of_file(path)):
                return
            inputs = list(discover([str(path)]))
        except InputError as error:  # it is gone, or may not be read
            self._tell(path, error.message)
            return
        is_refused = False
        for each in inputs:
            try:
                self._accept(each, path)
            except InputError as error:
                is_refused = True
                self._tell(path, f"refused: {error.message}")
        self._refused += is_refused
        if self._settings.after == "move":
            self._move(path, REFUSED if is_refused else DONE)

    def _accept(self, each: Input, path: Path) -> None:
        """Copy an object into the store, and have it accepted; others may still hold the file open."""
        self._store.check()
        copy = self._store.incoming()
        try:
            if isinstance(each, FileInput):
                limit = in_force(None)
                if path.stat().st_size > limit.max_file_size:
                    raise limit.exceeded("max_file_size", "the file is larger")
                shutil.copyfile(path, copy)
            else:
                copy.write_bytes(each.read())
            receipt = self._store.accept(copy, Origin("folder", str(self._settings.path)))
        except FileNotFoundError:
            raise InputError("the file is gone") from None
        finally:
            copy.unlink(missing_ok=True)
        said = "accepted" if receipt.is_new else "was there before"
        logger.info("object %d %s", receipt.object_id, said, extra={"object_id": receipt.object_id})

    def _move(self, path: Path, to: str) -> None:
        """Move a file that is over, to a name that is free."""
        place = self._settings.path / to / path.relative_to(self._settings.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        names = (place if not n else place.with_name(f"{place.stem}-{n}{place.suffix}") for n in count())
        free = next(name for name in names if not name.exists())
        try:
            path.rename(free)
        except FileNotFoundError:
            self._tell(path, "it is gone")

    def _tell(self, path: Path, what: str) -> None:
        """Log what became of a file; its name may be that of a patient, and is for debugging only."""
        logger.warning("%s: a file: %s", self.name, what)
        logger.debug("%s: the file is %s", self.name, printable(str(path)))


def _state(path: Path) -> State | None:
    """Look at a file; None if it is gone, or no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return State(found.st_size, found.st_mtime_ns, found.st_ino) if path.is_file() else None
