"""The settings of a gateway, gateway.toml: one schema, checked before anything starts.

What belongs to a part stands with the part, as a dataclass; `PARTS` says which table of the file it is, and
which class makes the part of it. Both are loaded only where the file has the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sr2fhir.errors import UsageError
from sr2fhir.gateway.sections import Section, bytes_field, section, sections
from sr2fhir.gateway.store import LOW_DISK, QUEUE_LIMIT, TRIES, Store
from sr2fhir.gateway.store.records import BUNDLE, NOTICE, DeliveryKind, Route
from sr2fhir.settings import R5, TARGETS
from sr2fhir.written import Written, read_table

if TYPE_CHECKING:
    from sr2fhir.pipeline import Settings as PipelineSettings

FILE = "gateway.toml"
TEMPLATE = "gateway.toml"
_HINT = f"`sr2fhir gateway init` writes a {FILE} with all settings and what they mean"


@dataclass(frozen=True)
class GatewaySettings:
    """The table `[gateway]`.

    Parameters
    ----------
    folder
        Of all that the gateway keeps.
    database
        URL of a PostgreSQL database, for several nodes; None for SQLite in the folder.
    workers
        Processes that transform; each has a Java of its own.
    log
        How lines of the log are written.
    low_disk
        Bytes that have to stay free on the disk; below, nothing is taken.
    queue_limit
        Objects that may be under way; beyond, nothing is taken.
    tries
        How often an object is tried whose transformation the engine fails at.
    stop_s
        Seconds that what is under way has to end when the gateway is stopped.
    """

    folder: Path = Path("gateway")
    database: str | None = None
    workers: int = 2
    log: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    low_disk: int = bytes_field(LOW_DISK)
    queue_limit: int = QUEUE_LIMIT
    tries: int = TRIES
    stop_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse a gateway that would do nothing."""
        for name in ("workers", "queue_limit", "tries"):
            if getattr(self, name) < 1:
                raise UsageError("less than one", where=name, hint="Write 1 or more")


@dataclass(frozen=True)
class TransformSettings:
    """The table `[transform]`.

    Parameters
    ----------
    settings
        File of settings as of `sr2fhir transform --settings`.
    alerts
        File of rules.
    """

    settings: Path | None = None
    alerts: Path | None = None


@dataclass(frozen=True)
class Retention:
    """The table `[retention]`: days after which objects are removed; 0: never.

    Parameters
    ----------
    delivered_days
        Of what was delivered, superseded or skipped.
    dead_days
        Of what is dead.
    """

    delivered_days: float = 30.0
    dead_days: float = 0.0


class PartKind(NamedTuple):
    """A kind of part.

    Parameters
    ----------
    keys
        Of its table in the file.
    several
        Whether there may be several.
    settings, part
        Module and name of the dataclass, and of the class.
    gets
        What it gets from the store, of destinations.
    """

    keys: tuple[str, ...]
    several: bool
    settings: str
    part: str
    gets: DeliveryKind | None = None

    @property
    def name(self) -> str:
        """Name of the table."""
        return ".".join(self.keys)


_OWN = "sr2fhir.gateway"
PARTS = (
    PartKind(
        ("destination",),
        True,
        f"{_OWN}.delivery.settings:Destination",
        f"{_OWN}.delivery:DestinationPart",
        BUNDLE,
    ),
    PartKind(
        ("webhook",), True, f"{_OWN}.delivery.webhook:Webhook", f"{_OWN}.delivery.webhook:WebhookPart", NOTICE
    ),
    PartKind(("web",), False, f"{_OWN}.web.settings:WebSettings", f"{_OWN}.web:Web"),
    PartKind(("intake", "dimse"), False, f"{_OWN}.intake.dimse:DimseSettings", f"{_OWN}.intake.dimse:Dimse"),
    PartKind(
        ("intake", "archive"),
        True,
        f"{_OWN}.intake.archive:ArchiveSettings",
        f"{_OWN}.intake.archive:Archive",
    ),
    PartKind(
        ("intake", "folder"), True, f"{_OWN}.intake.folder:FolderSettings", f"{_OWN}.intake.folder:Folder"
    ),
)
"""In the order in which they are started: intakes last, when all others serve."""

INTAKE = "intake"
# received by the web server
STOW = PartKind(("intake", "stow"), False, f"{_OWN}.web.settings:StowSettings", f"{_OWN}.web:Web")


@dataclass(frozen=True)
class PartSettings:
    """A part that the file switches on."""

    kind: PartKind
    values: Any


@dataclass(frozen=True)
class Settings:
    """All settings of a gateway.

    Parameters
    ----------
    file
        Where they stand.
    parts
        In the order of `PARTS`.
    """

    file: Path
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    transform: TransformSettings = field(default_factory=TransformSettings)
    retention: Retention = field(default_factory=Retention)
    parts: tuple[PartSettings, ...] = ()

    @property
    def routes(self) -> tuple[Route, ...]:
        """Where results go."""
        return tuple(
            Route(each.values.name, each.kind.gets, each.values.fhir if each.kind.gets == BUNDLE else None)
            for each in self.parts
            if each.kind.gets
        )

    @property
    def versions(self) -> tuple[str, ...]:
        """Versions of FHIR that destinations want, R5 first; R5 if none wants any."""
        wanted = {route.fhir for route in self.routes if route.fhir}
        return tuple(name for name in TARGETS if name in wanted) or (R5.name,)

    @cached_property
    def pipeline(self) -> PipelineSettings:
        """Settings of the transformation, with the rules of alerts.

        Raises
        ------
        UsageError
            One of the files is wrong.
        """
        from sr2fhir.alerts import read as read_rules  # noqa: PLC0415 - as the next
        from sr2fhir.pipeline import Settings as PipelineSettings  # noqa: PLC0415 - loads pydicom

        stated = self.transform
        made = PipelineSettings.read(stated.settings) if stated.settings else PipelineSettings()
        if stated.alerts:
            made = replace(made, alerts=read_rules(stated.alerts))
        return made

    def store(self, *, owner: str | None = None, upgrade: bool = False) -> Store:
        """Open the store."""
        own = self.gateway
        return Store(
            own.folder,
            database=own.database,
            routes=self.routes,
            low_disk=own.low_disk,
            queue_limit=own.queue_limit,
            tries=own.tries,
            owner=owner,
            upgrade=upgrade,
        )


def read(file: Path) -> Settings:
    """Read a file of settings, and all that it names.

    Raises
    ------
    UsageError
        It cannot be read, or a key or value is wrong; file, line and key are named.
    """
    written = read_table(file, "the settings", _HINT)
    _check_names(written)
    settings = Settings(
        file,
        _own(written),
        _one(written, "transform", TransformSettings, TransformSettings()),
        _one(written, "retention", Retention, Retention()),
        tuple(_parts(written)),
    )
    _check_whole(written, settings)
    settings.pipeline  # noqa: B018 - reads the files of [transform]
    return settings


def template() -> str:
    """Return a file of settings with comments."""
    return files("sr2fhir.gateway").joinpath(TEMPLATE).read_text("utf-8")


def load(place: str, kind: PartKind) -> Any:
    """Load the dataclass or class of a part.

    Raises
    ------
    UsageError
        A library is not installed.
    """
    module, _, name = place.partition(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        message = f"[{kind.name}]: {error.name} is not installed"
        raise UsageError(message, hint="pip install 'sr2fhir[gateway]'") from error


def _own(written: Written) -> GatewaySettings:
    """Read `[gateway]`; its folder is beside the file, unless it says otherwise."""
    found = section(written, "gateway") or Section(written, ("gateway",), {})
    made = found.read(GatewaySettings)
    return made if "folder" in found.table else replace(made, folder=written.file.parent / made.folder)


def _one(written: Written, name: str, kind: type[Any], default: Any) -> Any:
    found = section(written, name)
    return default if found is None else found.read(kind)


def _parts(written: Written) -> Iterator[PartSettings]:
    for kind in PARTS:
        if kind.several:
            found: Sequence[Section] = sections(written, *kind.keys)
        else:
            one = section(written, *kind.keys)
            found = () if one is None else (one,)
        for each in found:
            yield PartSettings(kind, _settings_of(written, kind, each))


def _settings_of(written: Written, kind: PartKind, found: Section) -> Any:
    values = found.read(load(kind.settings, kind))
    if kind.name == "web":
        stow = section(written, *STOW.keys)
        values = replace(values, stow=stow and stow.read(load(STOW.settings, STOW)))
    try:
        getattr(values, "check_safe", lambda: None)()
    except UsageError as error:
        raise found.about(error) from error
    return values


def _check_names(written: Written) -> None:
    """Refuse a table that is none of the file."""
    own = {"gateway", "transform", "retention", *(kind.keys[0] for kind in PARTS)}
    for name in written.table:
        if name not in own:
            raise written.error(
                "not a table of the settings", name, hint=f"There are {', '.join(sorted(own))}"
            )
    intakes = section(written, INTAKE)
    known = {kind.keys[1] for kind in PARTS if kind.keys[0] == INTAKE} | {STOW.keys[1]}
    for name in intakes.table if intakes else ():
        if name not in known:
            hint = f"There are {', '.join(sorted(known))}"
            raise written.error("not an intake", INTAKE, name, hint=hint)


def _check_whole(written: Written, settings: Settings) -> None:
    """Refuse a gateway without beginning or end, and two destinations of one name."""
    if not settings.routes:
        raise written.error("there is no destination", hint="Add a table [[destination]]")
    if section(written, INTAKE) is None:
        raise written.error("there is no intake", hint="Add a table [intake.dimse], or another one")
    if section(written, *STOW.keys) and section(written, "web") is None:
        message = "STOW-RS is received by the web server, and that is switched off"
        raise written.error(message, *STOW.keys, hint="Add a table [web]")
    archives = [each.values.name for each in settings.parts if each.kind.keys == (INTAKE, "archive")]
    for what, names in (
        ("destinations", [route.destination for route in settings.routes]),
        ("archives", archives),  # what was read of each is kept under its name
    ):
        for number, name in enumerate(names):
            if name in names[:number]:
                raise written.error(f"two {what} are called {name}", hint="Give each a name of its own")
    for route in settings.routes:
        if route.kind == BUNDLE and route.fhir not in TARGETS:
            message = f"destination {route.destination}: FHIR {route.fhir} is not made"
            raise written.error(message, hint=f"Choose {' or '.join(TARGETS)}")
