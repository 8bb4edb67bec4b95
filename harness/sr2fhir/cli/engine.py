"""`sr2fhir engine start|status|stop`: engines that run in the background."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from sr2fhir.cli.options import Subparsers, add_command, seconds
from sr2fhir.errors import UsageError
from sr2fhir.paths import layout
from sr2fhir.toolchain import runner
from sr2fhir.toolchain.java import rendered_samples

if TYPE_CHECKING:
    from sr2fhir.engines.running import State

EXAMPLES = """\
  sr2fhir engine start                    Java with everything loaded, on 127.0.0.1 and a free port
  sr2fhir transform report.dcm            uses it by itself
  sr2fhir engine status                   what runs, and how it is; exit code 3 if nothing responds
  sr2fhir engine stop                     end whatever was started

It has loaded the maps and definitions that were compiled when it was started. After a change of maps,
`sr2fhir engine start` starts it anew.
"""
EXIT_DOWN = 3
START_LIMIT_S = 180.0
NOTHING = "no engine runs in the background"
EMBEDDED, HAPI = "embedded", "hapi"
# engine -> module with `start`, `state` and `stop`; imported when the subcommand runs
SERVERS = {EMBEDDED: "sr2fhir.engines.java.service", HAPI: "sr2fhir.engines.hapi.container"}
NEXT = {EMBEDDED: "sr2fhir transform report.dcm", HAPI: "sr2fhir transform report.dcm --engine hapi"}


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = add_command(subparsers, "engine", "start and stop an engine in the background", EXAMPLES)
    command.add_argument(
        "action", choices=("start", "status", "stop"), metavar="ACTION", help="start, status or stop"
    )
    command.add_argument("name", nargs="?", metavar="NAME", help="embedded or hapi (default: whatever runs)")
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
    return ACTIONS[arguments.action](arguments)


def start(arguments: argparse.Namespace) -> int:
    """Start a server and say where it is."""
    engine = HAPI if arguments.docker else EMBEDDED
    if arguments.name not in (None, engine):
        hint = "A FHIR server is started with --docker IMAGE" if arguments.name == HAPI else None
        raise UsageError(f"there is no engine '{arguments.name}' to start", hint=hint)
    server = import_module(SERVERS[engine])
    if arguments.docker:
        running, is_new = server.start(
            arguments.docker, arguments.port, arguments.timeout, host_network=arguments.host_network
        )
    else:
        if layout().is_installed:  # a checkout is set up by its Makefile
            runner.run()
        running, is_new = server.start(arguments.port, arguments.timeout)
        if is_new:
            server.warm(rendered_samples(layout()))
    print(f"{'started' if is_new else 'already runs'}: {running}")
    print(f"Next: `{NEXT[engine]}`; `sr2fhir engine stop` ends it")
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Say of each server how it is."""
    states = [
        state for name in named(arguments) if (state := import_module(SERVERS[name]).state()) is not None
    ]
    for state in states:
        print(f"{condition(state)}: {state.running}")
    if not states:
        print(NOTHING)
    return 0 if states and all(state.responds for state in states) else EXIT_DOWN


def stop(arguments: argparse.Namespace) -> int:
    """Stop one server or all."""
    stopped = [
        running for name in named(arguments) if (running := import_module(SERVERS[name]).stop()) is not None
    ]
    for running in stopped:
        print(f"stopped: {running}")
    if not stopped:
        print(NOTHING)
    return 0


def named(arguments: argparse.Namespace) -> list[str]:
    """List the engines that the user means."""
    return [name for name in SERVERS if arguments.name in (None, name)]


def condition(state: State) -> str:
    """Say in a word or two how a server is."""
    if not state.responds:
        return "does not respond"
    return "up" if state.is_current else "up, with maps or definitions that are out of date"


def port(text: str) -> int:
    """Read a port."""
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise argparse.ArgumentTypeError("not a port from 1 to 65535")
    return int(text)


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {"start": start, "status": status, "stop": stop}
