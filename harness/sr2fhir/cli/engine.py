"""`sr2fhir engine start|status|stop`: engines that run in the background."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sr2fhir.cli.options import Subparsers, add_command, seconds
from sr2fhir.errors import UsageError

if TYPE_CHECKING:
    from sr2fhir.engines.background import Running, State

EXAMPLES = """\
  sr2fhir engine start                    the HL7 validator's service, on 127.0.0.1 and a free port
  sr2fhir transform report.dcm --engine validator
  sr2fhir engine status                   what runs, and how it is; exit code 3 if nothing answers
  sr2fhir engine stop                     end whatever was started

A service serves the maps and definitions that were compiled when it was started. After a change of maps,
`sr2fhir engine start` starts it anew.
"""
ACTIONS = ("start", "status", "stop")
EXIT_DOWN = 3
START_LIMIT_S = 180.0
NOTHING = "no engine runs in the background"


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = add_command(subparsers, "engine", "start and stop an engine in the background", EXAMPLES)
    command.add_argument("action", choices=ACTIONS, metavar="ACTION", help="start, status or stop")
    command.add_argument(
        "name", nargs="?", metavar="NAME", help="with stop: validator or hapi (default: whatever runs)"
    )
    group = command.add_argument_group("with start")
    group.add_argument("--port", type=port, metavar="N", help="port on 127.0.0.1 (default: a free one)")
    group.add_argument(
        "--docker", metavar="IMAGE", help="a FHIR server out of a Docker image, used by --engine hapi"
    )
    group.add_argument(
        "--host-network",
        action="store_true",
        help="with --docker: let the container share this machine's network, where Docker has no bridge",
    )
    group.add_argument(
        "--timeout",
        type=seconds,
        default=START_LIMIT_S,
        metavar="SECONDS",
        help=f"time that it may take to be ready (default: {START_LIMIT_S:g})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Start, look at, or stop."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {"start": start, "status": status, "stop": stop}
    return actions[arguments.action](arguments)


def start(arguments: argparse.Namespace) -> int:
    """Start a server and say where it is."""
    from sr2fhir.engines import background

    refuse_name(arguments.name, arguments.docker)
    if arguments.docker:
        running, new = background.start_container(
            arguments.docker, arguments.port, arguments.timeout, host_network=arguments.host_network
        )
    else:
        running, new = background.start(arguments.port, arguments.timeout)
    print(f"{'started' if new else 'already runs'}: {line(running)}")
    print(f"Next: `sr2fhir transform report.dcm --engine {running.engine}`; `sr2fhir engine stop` ends it")
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Say of each server how it is."""
    from sr2fhir.engines import background

    states = [state for state in background.status() if arguments.name in (None, state.running.engine)]
    for state in states:
        print(f"{condition(state)}: {line(state.running)}")
    if not states:
        print(NOTHING)
    return 0 if states and all(state.answers for state in states) else EXIT_DOWN


def stop(arguments: argparse.Namespace) -> int:
    """Stop one server or all."""
    from sr2fhir.engines import background

    names: Iterable[str] = (
        [arguments.name] if arguments.name else [state.running.engine for state in background.status()]
    )
    stopped = [running for name in names if (running := background.stop(name)) is not None]
    for running in stopped:
        print(f"stopped: {line(running)}")
    if not stopped:
        print(NOTHING)
    return 0


def refuse_name(name: str | None, image: str | None) -> None:
    """Refuse the name of an engine that is not started here."""
    from sr2fhir.engines.background import HAPI, VALIDATOR

    possible = HAPI if image else VALIDATOR
    if name not in (None, possible):
        hint = "A FHIR server is started with --docker IMAGE" if name == HAPI else None
        raise UsageError(f"there is no engine '{name}' to start", hint=hint)


def condition(state: State) -> str:
    """Say in a word or two how a server is."""
    if not state.answers:
        return "does not answer"
    return "up" if state.current else "up, with maps or definitions that are out of date"


def line(running: Running) -> str:
    """Say in one line what runs where."""
    which = f"process {running.pid}" if running.pid else f"container {(running.container or '')[:12]}"
    log = f", log {running.log}" if running.log else ""
    return f"{running.engine} at {running.url} ({running.version}; {which}{log})"


def port(text: str) -> int:
    """Read a port."""
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise argparse.ArgumentTypeError("not a port from 1 to 65535")
    return int(text)
