"""Step: fetch the engine's jars from a Maven repository and verify each against its pin."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from xml.etree import ElementTree

from sr2fhir import pins
from sr2fhir.errors import SetupError
from sr2fhir.paths import Layout
from sr2fhir.pins import Jar
from sr2fhir.toolchain import files
from sr2fhir.toolchain.process import NETWORK_HINT
from sr2fhir.toolchain.report import Report

Fetch = Callable[[Jar, Path], Path]

_AT_ONCE = 8
_ATTEMPTS = 3
_TIMEOUT_S = 60
_REASONS = {
    "SSLError": "the repository's certificate is not trusted",
    "ProxyError": "the proxy cannot be reached",
    "Timeout": "the repository did not answer in time",
    "ConnectionError": "the repository cannot be reached",
    "RuntimeError": "the repository does not have it, or did not deliver it",
}
_log = logging.getLogger(__name__)


def run(places: Layout, report: Report, fetch: Fetch | None = None) -> None:
    """Fetch what is missing or damaged, all verified.

    Parameters
    ----------
    places
        Where the jars go.
    report
        Is told how many are done.
    fetch
        Brings one jar into a folder and answers where it lies; by default from the machine's Maven
        repository.

    Raises
    ------
    SetupError
        A jar cannot be fetched, or is not the pinned one. Jars fetched before stay and are not fetched again.
    """
    wanted = [jar for jar in needed(places) if not _is_good(places.jars / jar.filename, jar)]
    places.jars.mkdir(parents=True, exist_ok=True)
    if not wanted:
        return
    with files.folder(places.scratch / "maven") as scratch, ThreadPoolExecutor(_AT_ONCE) as pool:
        bring = fetch or _maven_fetch(scratch)
        jobs = [pool.submit(_obtain, jar, scratch, places.jars, bring) for jar in wanted]
        try:
            for number, job in enumerate(as_completed(jobs), 1):
                job.result()
                report.advance(number, len(jobs))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    files.remove(places.scratch / "maven")


def needed(places: Layout) -> tuple[Jar, ...]:
    """List all jars to fetch; an installed package carries what the compiler would make."""
    content = pins.load(places.pins)
    compiler = () if places.is_installed else (content.compiler,)
    return (*content.jars, content.resources, *compiler)


def _is_good(path: Path, jar: Jar) -> bool:
    """Tell whether a file is the pinned one."""
    return path.is_file() and files.sha256(path) == jar.sha256


def _obtain(jar: Jar, scratch: Path, folder: Path, fetch: Fetch) -> None:
    """Fetch one jar, verify it and move it to its place."""
    path = _fetch_patiently(jar, scratch, fetch)
    found = files.sha256(path)
    if found != jar.sha256:
        path.unlink()
        raise SetupError(
            f"the jar {jar.coordinates} is not the one pinned in engine.toml "
            f"(sha256 {found}, expected {jar.sha256})",
            hint="Run the set-up again; if it stays so, the Maven repository or mirror delivers another file",
        )
    path.replace(folder / jar.filename)


def _fetch_patiently(jar: Jar, scratch: Path, fetch: Fetch) -> Path:
    """Fetch one jar; try again when the connection breaks."""
    error: Exception | None = None
    for attempt in range(_ATTEMPTS):
        try:
            return fetch(jar, scratch / f"{jar.filename}.{attempt}")
        except Exception as caught:  # whatever the resolver or the connection raises: all mean "not there"
            _log.debug("attempt %d for %s: %s", attempt + 1, jar.coordinates, caught)
            error = caught
    raise SetupError(f"could not download {jar.coordinates}: {_reason(error)}", hint=NETWORK_HINT) from error


def _reason(error: Exception | None) -> str:
    """Say in a few words why nothing came; the resolver's own words fill a screen."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    return next((_REASONS[kind] for kind in kinds if kind in _REASONS), " ".join(str(error).split())[:120])


def _maven_fetch(scratch: Path) -> Fetch:
    """Make a fetcher that asks the machine's Maven repository through jgo."""
    from jgo.maven import MavenContext

    repositories = remote_repositories()

    def fetch(jar: Jar, folder: Path) -> Path:
        context = MavenContext(repo_cache=folder, remote_repos=repositories, timeout=_TIMEOUT_S)
        group, artifact, version, *classifier = jar.coordinates.split(":")
        component = context.project(group, artifact).at_version(version)
        return component.artifact(classifier=classifier[0] if classifier else "").resolve()

    return fetch


def remote_repositories(environment: Mapping[str, str] = os.environ) -> dict[str, str] | None:
    """List the Maven repositories that the machine's configuration names.

    jgo's own configuration comes first, then a mirror of Maven Central in Maven's settings.xml.

    Returns
    -------
    dict or None
        Name to address; None where nothing is configured, which leaves jgo at Maven Central.
    """
    from jgo.config import GlobalSettings

    return dict(GlobalSettings.load().repositories) or _maven_mirrors(environment) or None


def _maven_mirrors(environment: Mapping[str, str]) -> dict[str, str]:
    """Read mirrors of Central from Maven's settings, the user's before the machine's."""
    homes = [environment.get(name) for name in ("M2_HOME", "MAVEN_HOME")]
    candidates = [
        Path.home() / ".m2" / "settings.xml",
        *(Path(home) / "conf" / "settings.xml" for home in homes if home),
    ]
    for path in candidates:
        if mirrors := _mirrors_in(path):
            return mirrors
    return {}


def _mirrors_in(path: Path) -> dict[str, str]:
    """Read mirrors of Central from one settings.xml; none where it is absent or cannot be read."""
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314 - the user's own settings
    except (OSError, ElementTree.ParseError):
        return {}
    mirrors: dict[str, str] = {}
    for mirror in root.iterfind(".//{*}mirror"):
        fields = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in mirror.iterfind("*")}
        covers = {part.strip() for part in fields.get("mirrorOf", "").split(",")}
        if fields.get("url") and covers & {"*", "central", "external:*"} and "!central" not in covers:
            mirrors[fields.get("id", "mirror")] = fields["url"].rstrip("/")
    return mirrors
