"""`sr2fhir gateway …`: set up, run and look after a gateway."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sr2fhir.cli.options import Subparsers, add_command
from sr2fhir.cli.terminal import Terminal
from sr2fhir.errors import SetupError, Sr2FhirError, UsageError
from sr2fhir.outcome import plural

if TYPE_CHECKING:
    from sr2fhir.gateway.parts import Check
    from sr2fhir.gateway.settings import Settings
    from sr2fhir.gateway.store import Store
    from sr2fhir.gateway.store.views import DestinationRow, ObjectDetail, ObjectRow

EXAMPLES = """\
  sr2fhir gateway init                   write gateway.toml, with all settings and what they mean
  sr2fhir gateway check                  try every connection in it
  sr2fhir gateway run                    start everything; Ctrl-C or SIGTERM ends it
  sr2fhir gateway status                 what it has, what waits, what is dead
  sr2fhir gateway list --state dead      the objects, with the reason
  sr2fhir gateway show 4711              history, deliveries, findings and files of one object
  sr2fhir gateway replay 4711            transform and deliver it again
  sr2fhir gateway replay --state dead --destination ehr    deliver what is dead there again
  sr2fhir gateway purge --days 30        remove what was delivered longer ago
  sr2fhir gateway token jane --to tokens let somebody log in to the web server

exit codes of check and status: 0 all is well, 1 something is wrong; of status: 3 it does not run.
"""
DEFAULT_FILE = Path("gateway.toml")
EXIT_WRONG, EXIT_DOWN = 1, 3
DAY_S, HOUR_S, MINUTE_S = 86400, 3600, 60
NOTHING = "-"
MEANINGS = {
    "received": "to be transformed",
    "transformed": "to be delivered",
    "waiting": "a destination failed; tried again by itself",
    "delivered": "",
    "dead": "look: sr2fhir gateway list --state dead",
    "superseded": "another instance of the same UID counts",
    "skipped": "of another template, or no report: nothing is made of it",
}


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = add_command(subparsers, "gateway", "receive reports, and deliver their results", EXAMPLES)
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    init = actions.add_parser("init", help="write a file of settings")
    init.add_argument(
        "--to", type=Path, default=DEFAULT_FILE, metavar="FILE", help=f"default: {DEFAULT_FILE}"
    )
    token = actions.add_parser("token", help="make a token for the log-in of the web server")
    token.add_argument("name", metavar="NAME", help="who gets it; it stands in the audit trail")
    token.add_argument(
        "--may",
        default="see,replay",
        metavar="RIGHTS",
        help="of see, replay, store and metrics, with commas between (default: see,replay)",
    )
    token.add_argument(
        "--to", type=Path, required=True, metavar="FILE", help="tokens file, which gets a line more"
    )
    _add(actions, "run", "start everything")
    _add(actions, "check", "try every connection in the settings")
    _add(actions, "status", "show what the gateway has")
    listing = _add(actions, "list", "list objects, the newest first")
    listing.add_argument("--state", choices=tuple(MEANINGS), help="only those in a state")
    listing.add_argument("--destination", metavar="NAME", help="only those that go there")
    listing.add_argument("--intake", metavar="NAME", help="only those that came there")
    listing.add_argument(
        "--before", type=int, metavar="ID", help="only those before an object: the next page"
    )
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="how many (default: 50)")
    show = _add(actions, "show", "show all that is known of an object")
    show.add_argument("object", type=int, metavar="ID")
    replay = _add(actions, "replay", "do objects again")
    replay.add_argument("objects", type=int, nargs="*", metavar="ID")
    replay.add_argument("--state", choices=tuple(MEANINGS), help="those in a state")
    replay.add_argument("--destination", metavar="NAME", help="only deliver to it; transform nothing")
    purge = _add(actions, "purge", "remove objects, their results and their history")
    purge.add_argument(
        "--days", type=float, required=True, metavar="N", help="which have not changed for so long"
    )
    purge.add_argument("--dead", action="store_true", help="what is dead, instead of what was delivered")
    worker = _add(actions, "worker", None)
    worker.add_argument("--owner", help=argparse.SUPPRESS)


def _add(
    actions: Subparsers[argparse.ArgumentParser], name: str, help: str | None
) -> argparse.ArgumentParser:
    """Add an action; one without help is not for people."""
    added = actions.add_parser(name, help=help) if help else actions.add_parser(name)
    added.add_argument(
        "--settings",
        type=Path,
        default=DEFAULT_FILE,
        metavar="FILE",
        help=f"settings of the gateway (default: {DEFAULT_FILE})",
    )
    return added


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked for."""
    if arguments.action == "init":
        return init(arguments.to)
    if arguments.action == "token":
        return token(arguments.name, arguments.may, arguments.to)
    settings = read_settings(arguments.settings)
    return ACTIONS[arguments.action](settings, arguments)


def read_settings(file: Path) -> Settings:
    """Read the settings.

    Raises
    ------
    UsageError
        They are not there or wrong, or the gateway is not installed.
    """
    try:
        from sr2fhir.gateway.settings import read
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is missing", hint="pip install 'sr2fhir[gateway]'") from error
    if not file.exists():
        raise UsageError(
            "there are no settings", source=str(file), hint="sr2fhir gateway init writes a file of them"
        )
    return read(file)


def token(name: str, rights: str, file: Path) -> int:
    """Add a line to the tokens file, and print the token, which nothing keeps."""
    try:
        from sr2fhir.gateway.web.login import Tokens, new_token
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is missing", hint="pip install 'sr2fhir[gateway]'") from error
    made, line = new_token(name, tuple(filter(None, rights.split(","))))
    try:
        with os.fdopen(os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "a+") as stream:
            if name in Tokens(file).names:
                hint = "Take its line out of the file, or choose another name"
                raise UsageError(f"there is a token of {name} already", source=str(file), hint=hint)
            stream.seek(0)
            text = stream.read()
            stream.write(f"{'' if text.endswith(chr(10)) or not text else chr(10)}{line}\n")
    except OSError as error:
        message = f"the tokens file cannot be written ({error.strerror})"
        raise UsageError(message, source=str(file), hint="Name another one with --to") from error
    print(made)
    return 0


def init(file: Path) -> int:
    """Write a file of settings, which may not be there."""
    from sr2fhir.gateway.settings import template

    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(template())
    except FileExistsError as error:
        hint = "Name another one with --to"
        raise UsageError(
            "the file is there already, and stays as it is", source=str(file), hint=hint
        ) from error
    except OSError as error:
        message = f"the file cannot be written ({type(error).__name__})"
        raise UsageError(message, source=str(file), hint="Name another one with --to") from error
    print(f"{file} is written. Next: edit it, then `sr2fhir gateway check --settings {file}`")
    return 0


# ---- running


def serve(settings: Settings, arguments: argparse.Namespace) -> int:
    """Run the gateway until it is stopped."""
    from sr2fhir.gateway.logs import log_to_stderr
    from sr2fhir.gateway.running import Gateway, stop_on_signals

    log_to_stderr(settings.gateway.log, arguments.log_level or settings.gateway.log_level)
    if not is_set_up():
        raise SetupError("the engine is not set up, so nothing can be transformed", hint="sr2fhir setup")
    gateway = Gateway(settings)
    stop_on_signals(gateway)
    gateway.run(partial(print, "the gateway serves; Ctrl-C ends it", flush=True))
    return 0


def work(settings: Settings, arguments: argparse.Namespace) -> int:
    """Be a worker of the gateway that started this process."""
    from sr2fhir.engines import EngineOptions
    from sr2fhir.gateway.logs import log_to_stderr
    from sr2fhir.gateway.worker import Worker, listen
    from sr2fhir.toolchain import make_engine

    log_to_stderr(settings.gateway.log, arguments.log_level or settings.gateway.log_level)
    engine = make_engine(None, EngineOptions(batch=True))
    try:
        with settings.store(owner=arguments.owner) as store:
            worker = Worker(store, engine, settings.pipeline, settings.versions)
            listen(worker)
            worker.run()
    finally:
        engine.close()
    return 0


def check(settings: Settings, _: argparse.Namespace) -> int:
    """Try everything, and say what is wrong and how to mend it."""
    terminal = Terminal(sys.stdout)
    wrong = 0
    for each in _checks(settings):
        wrong += not each.ok
        terminal.line(f"{terminal.sign('ok' if each.ok else 'failed')} {each.what}: {each.message}")
        if each.hint and not each.ok:
            terminal.line(f"    {each.hint}")
    terminal.line(
        f"{plural(wrong, 'thing')} to mend" if wrong else "all is well; start it: sr2fhir gateway run"
    )
    return EXIT_WRONG if wrong else 0


def _checks(settings: Settings) -> Iterator[Check]:
    from sr2fhir.gateway.parts import Check
    from sr2fhir.gateway.running import Gateway

    yield Check("settings", True, str(settings.file))
    is_ready = is_set_up()
    message = "everything is there" if is_ready else "something is left to do"
    yield Check("set-up of the engine", is_ready, message, "sr2fhir setup")
    try:
        with settings.store() as store:
            store.check()
            yield Check("store", True, f"{settings.gateway.folder} takes objects")
            yield from Gateway(settings).checks(store)
    except Sr2FhirError as error:
        place = "" if error.where is None else f" ({error.where})"
        yield Check("store", False, f"{error.message}{place}", error.hint)


def is_set_up() -> bool:
    """Tell whether the engine has what it needs; another one than our own sees to it by itself."""
    from sr2fhir.engines import DEFAULT
    from sr2fhir.settings import ENGINE_VARIABLE
    from sr2fhir.toolchain import runner

    return os.environ.get(ENGINE_VARIABLE, DEFAULT) != DEFAULT or runner.is_current()


# ---- looking


def status(settings: Settings, _: argparse.Namespace) -> int:
    """Show what the gateway has, and whether all is well."""
    from sr2fhir.gateway.running import is_running

    running = is_running(settings)
    with settings.store() as store:
        views, now = store.views, store.views.now()
        counts, rates, oldest = views.counts(), views.rates(), views.oldest_waiting()
        words = {True: "runs", False: "does not run", None: "may run on several machines"}
        lines = [f"gateway in {settings.gateway.folder}: {words[running]}", ""]
        lines += table([(state, f"{number:,}", MEANINGS[state]) for state, number in counts.items()])
        lines += [
            "",
            f"accepted: {rates.minute:,} in a minute, {rates.hour:,} in an hour, {rates.day:,} in a day",
        ]
        if oldest is not None:
            lines.append(f"the oldest under way waits for {span(now - oldest)}")
        lines += ["", *_destinations(views.destinations(), now)]
        trouble = _trouble(store)
        lines += [""] * bool(trouble) + trouble
        show_lines(lines)
    if running is False:
        return EXIT_DOWN
    return EXIT_WRONG if counts["dead"] or trouble else 0


def _destinations(rows: Sequence[DestinationRow], now: float) -> list[str]:
    heads = ("destination", "waiting", "delivered", "dead", "oldest", "last delivered", "circuit")
    return table(
        [
            (
                row.name,
                *(f"{number:,}" for number in (row.waiting, row.delivered, row.dead)),
                span(now - row.oldest) if row.oldest else NOTHING,
                f"{span(now - row.last_delivered)} ago" if row.last_delivered else "never",
                row.breaker or NOTHING,
            )
            for row in rows
        ],
        heads,
    )


def _trouble(store: Store) -> list[str]:
    try:
        store.check()
    except Sr2FhirError as error:
        return [f"NOTHING IS TAKEN: {error}"]
    return []


def listing(settings: Settings, arguments: argparse.Namespace) -> int:
    """List objects."""
    with settings.store() as store:
        rows = store.views.objects(
            state=arguments.state,
            intake=arguments.intake,
            destination=arguments.destination,
            before=arguments.before,
            limit=arguments.limit,
        )
    heads = ("id", "state", "received", "from", "SOP Instance UID", "reason")
    show_lines(table([_row(row) for row in rows], heads) if rows else ["no objects"])
    if len(rows) == arguments.limit:
        show_lines([f"more with --before {rows[-1].id}"])
    return 0


def _row(row: ObjectRow) -> tuple[str, ...]:
    place = f"{row.intake} {row.peer}"
    return (str(row.id), row.state, clock(row.received), place, row.sop_instance_uid, row.reason or "")


def show(settings: Settings, arguments: argparse.Namespace) -> int:
    """Show all that is known of an object."""
    with settings.store() as store:
        detail = store.views.object(arguments.object)
        if detail is None:
            raise no_object(arguments.object)
        store.audit(user(), "show", arguments.object)
    show_lines(_detail(detail))
    return 0


def _detail(detail: ObjectDetail) -> Iterator[str]:
    row = detail.row
    facts = [
        ("state", row.state),
        ("reason", row.reason),
        ("remedy", row.hint),
        ("received", f"{clock(row.received)} by {row.intake} from {row.peer}"),
        ("SOP Instance UID", row.sop_instance_uid),
        ("SOP Class UID", row.sop_class_uid),
        ("SHA-256", detail.digest),
        ("counts", ", ".join(f"{name} {number}" for name, number in detail.counts.items())),
        ("file", str(detail.file)),
        *((name, str(path)) for name, path in detail.results.items()),
    ]
    yield f"object {row.id}"
    yield from table([(f"  {name}", value) for name, value in facts if value])
    if detail.findings:
        yield from ("", "findings")
        yield from table([(f"  {clock(each.time)}", each.code, each.message) for each in detail.findings])
    if detail.alerts:
        yield from ("", "alerts")
        rows = [
            (f"  {each.rule}", each.mode, each.state or NOTHING, each.flag or NOTHING)
            for each in detail.alerts
        ]
        yield from table(rows)
    if detail.deliveries:
        heads = ("  destination", "state", "tries", "next", "status", "reason")
        yield ""
        yield from table(
            [
                (
                    f"  {each.destination}",
                    each.state,
                    str(each.attempts),
                    clock(each.due) if each.state in ("pending", "waiting") and each.due else NOTHING,
                    str(each.status or NOTHING),
                    " ".join(part for part in (each.reason, each.hint) if part),
                )
                for each in detail.deliveries
            ],
            heads,
        )
    yield from ("", "history")
    yield from table(
        [
            (
                f"  {clock(each.time)}",
                each.what,
                each.destination or "",
                str(each.status or ""),
                each.reason or "",
            )
            for each in detail.events
        ]
    )


# ---- changing


def replay(settings: Settings, arguments: argparse.Namespace) -> int:
    """Have objects done again."""
    with settings.store() as store:
        for each in arguments.objects:
            if store.views.object(each) is None:
                raise no_object(each)
        if arguments.destination and arguments.destination not in store.views.routes:
            known = ", ".join(store.views.routes)
            raise UsageError(f"no destination is called {arguments.destination}", hint=f"There are {known}")
        number = store.replay(
            objects=arguments.objects, state=arguments.state, destination=arguments.destination, who=user()
        )
    none = "there is no such object (of those that are superseded, none is done again)"
    print(f"{plural(number, 'object')} will be done again" if number else none)
    return 0 if number else EXIT_WRONG


def purge(settings: Settings, arguments: argparse.Namespace) -> int:
    """Remove objects."""
    if arguments.days < 0:
        raise UsageError("--days is below zero", hint="Give 0 to remove all that is over")
    from sr2fhir.gateway.store.records import DEAD, SETTLED

    with settings.store() as store:
        states = (DEAD,) if arguments.dead else SETTLED
        before = store.views.now() - arguments.days * DAY_S
        number = store.purge(before=before, who=user(), states=states)
    print(f"{plural(number, 'object')} removed")
    return 0


# ---- words


def show_lines(lines: Iterator[str] | Sequence[str]) -> None:
    """Print lines."""
    terminal = Terminal(sys.stdout)
    for line in lines:
        terminal.line(line)


def table(rows: Sequence[Sequence[str]], heads: Sequence[str] | None = None) -> list[str]:
    """Lay rows out in columns; the last one is as wide as it wants."""
    everything = [*([heads] if heads else []), *rows]
    if not everything:
        return []
    widths = [max(len(row[number]) for row in everything) for number in range(len(everything[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in everything
    ]


def clock(moment: float) -> str:
    """Write a time as it is here."""
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float) -> str:
    """Write how long something takes."""
    for size, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def no_object(number: int) -> UsageError:
    """Make the error for a number that no object has."""
    return UsageError(f"there is no object {number}", hint="sr2fhir gateway list shows their numbers")


def user() -> str:
    """Name who gives a command, for the audit trail."""
    return f"command of {getpass.getuser()}"


ACTIONS = {
    "run": serve,
    "worker": work,
    "check": check,
    "status": status,
    "list": listing,
    "show": show,
    "replay": replay,
    "purge": purge,
}
