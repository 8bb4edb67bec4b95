"""Steps: fetch the jars from a Maven repository, verify each against its pin, and unpack FHIR packages."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import as_completed, wait
from functools import partial
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from sr2fhir import pins
from sr2fhir.errors import SetupError
from sr2fhir.files import remove_folder, replace_folder, sha256
from sr2fhir.paths import Layout
from sr2fhir.pins import Jar, Package, Pins
from sr2fhir.threads import Threads
from sr2fhir.toolchain.steps import Progress, needed_jars

Fetch = Callable[[Jar, Path], Path]

NETWORK_HINT = (
    "Check that the package registries can be reached (proxy and mirror settings of pip, npm and Maven), "
    "then run the set-up again: it goes on where it stopped"
)
_AT_ONCE = 8
_ATTEMPTS = 3
_TIMEOUT_S = 60
_REASONS = {
    "SSLError": "the repository's certificate is not trusted",
    "ProxyError": "the proxy cannot be reached",
    "Timeout": "the repository did not respond in time",
    "ConnectionError": "the repository cannot be reached",
    "RuntimeError": "the repository does not have it, or did not deliver it",
}
# A key that only narratives have, and its JSON string. The rest of a resource stays as it is, byte by byte.
_NARRATIVE = re.compile(rb'"div"\s*:\s*"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_NARRATIVE = rb'"div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">-</div>"'
_log = logging.getLogger(__name__)


def fetch_jars(places: Layout, progress: Progress, fetch: Fetch | None = None) -> None:
    """Fetch the jars of the engine; see `fetch_pinned`."""
    fetch_pinned(needed_jars(places), places.jars, places.scratch / "maven", progress, fetch)


def fetch_pinned(
    jars: Iterable[Jar], folder: Path, scratch: Path, progress: Progress, fetch: Fetch | None = None
) -> None:
    """Fetch what is missing or damaged, all verified.

    Parameters
    ----------
    jars
        What is wanted.
    folder
        Where the jars go.
    scratch
        Made for the time of the work.
    progress
        Called with how many are done.
    fetch
        Brings one jar into a folder and returns where it lies; by default from the machine's Maven
        repository.

    Raises
    ------
    SetupError
        A jar cannot be fetched, or is not the pinned one. Jars fetched before stay and are not fetched again.
    """
    wanted = [jar for jar in jars if not _is_good(folder / jar.filename, jar)]
    folder.mkdir(parents=True, exist_ok=True)
    if not wanted:
        return
    threads = Threads(_AT_ONCE, "sr2fhir-jars")
    with replace_folder(scratch) as part:
        bring = fetch or _maven_fetch(part)
        jobs = [threads.submit(partial(_obtain, jar, part, folder, bring)) for jar in wanted]
        try:
            for number, job in enumerate(as_completed(jobs), 1):
                job.result()
                progress.advance(number, len(jobs))
        except BaseException:
            for job in jobs:
                job.cancel()
            wait(jobs)  # those under way, which write into the folder
            raise
        finally:
            threads.end()
    remove_folder(scratch)


def _is_good(path: Path, jar: Jar) -> bool:
    """Tell whether a file is the pinned one."""
    return path.is_file() and sha256(path) == jar.sha256


def _obtain(jar: Jar, scratch: Path, folder: Path, fetch: Fetch) -> None:
    """Fetch one jar, verify it and move it to its place."""
    path = _fetch_patiently(jar, scratch, fetch)
    found = sha256(path)
    if found != jar.sha256:
        path.unlink()
        raise SetupError(
            f"the jar {jar.coordinates} is not the one pinned (sha256 {found}, expected {jar.sha256})",
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


def unpack_packages(places: Layout, progress: Progress) -> None:
    """Unpack every package that engine.toml names.

    Raises
    ------
    SetupError
        A package is missing from the jar or is not the pinned one.
    """
    content = pins.load(places.pins)
    with zipfile.ZipFile(places.jars / content.resources.filename) as jar:
        for number, package in enumerate(content.packages, 1):
            with replace_folder(places.packages / package.name) as folder:
                _fill(package, folder / "package", jar, content)
            progress.advance(number, len(content.packages))


def _fill(package: Package, folder: Path, jar: zipfile.ZipFile, content: Pins) -> None:
    """Fill the folder of one package."""
    folder.mkdir()
    if not package.sha256:
        _make_empty(package, folder, content.fhir_version)
        return
    try:
        archive = jar.read(f"{content.folder}/{package.archive}")
    except KeyError as error:
        raise SetupError(
            f"the FHIR package {package.name} is not in the jar that engine.toml names"
        ) from error
    if hashlib.sha256(archive).hexdigest() != package.sha256:
        raise SetupError(f"the FHIR package {package.name} is not the one that engine.toml pins")
    _unpack(archive, folder)


def _unpack(archive: bytes, folder: Path) -> None:
    """Write the resources and the index of a package; its XML, schemas and pictures are not needed.

    Nor are narratives: they are half of the text that a validator would have to read at each start.
    """
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            wanted = member.isfile() and path.suffix == ".json" and path.parent == PurePosixPath("package")
            if wanted and (source := tar.extractfile(member)):
                (folder / path.name).write_bytes(_NARRATIVE.sub(_NO_NARRATIVE, source.read()))


def _make_empty(package: Package, folder: Path, fhir_version: str) -> None:
    """Write a package without content."""
    name, version = package.name.split("#")
    manifest = {
        "name": name,
        "version": version,
        "type": "IG",
        "fhirVersions": [fhir_version],
        "dependencies": {},
    }
    (folder / "package.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / ".index.json").write_text(json.dumps({"index-version": 2, "files": []}), encoding="utf-8")
