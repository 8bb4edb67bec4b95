"""Under whose name the guide is published: by us, as its sources say, or by HL7's editors, as a table says.

Package, profiles and maps have HL7's canonical, since they are meant to be published with the guide. What we
publish ourselves must not be mistaken for HL7's: version, publisher and release label say whose it is, and
everything is experimental.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from sr2fhir.errors import UsageError

_CONFIG = "sushi-config.yaml"
_RULESETS = "input/fsh/rulesets.fsh"
_VOCABULARY = "input/vocabulary"
_EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/structuredefinition"


@dataclass(frozen=True)
class Identity:
    """Who publishes, and as what.

    Parameters
    ----------
    version
        Of the package and of all definitions.
    publisher, contact, work_group
        Name, URL, and code of the HL7 work group.
    release_label
        What stands on each page.
    standards_status, maturity
        HL7's standards status and FHIR maturity level of the guide.
    oid_root
        From which the IG Publisher gives OIDs.
    """

    version: str
    publisher: str
    contact: str
    work_group: str
    release_label: str
    standards_status: str
    maturity: int
    oid_root: str


def read(path: Path) -> Identity:
    """Read an identity from its table.

    Raises
    ------
    UsageError
        The file is no such table; the message names the key.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"the identity cannot be read ({type(error).__name__})", source=str(path)) from error
    types = {field.name.replace("_", "-"): field.type for field in fields(Identity)}
    for key in sorted(types.keys() | table.keys()):
        if key not in types:
            raise UsageError("the identity has no such key", where=key, source=str(path))
        if type(table.get(key)).__name__ != types[key]:
            raise UsageError(f"the identity has no {types[key]} there", where=key, source=str(path))
    return Identity(**{key.replace("-", "_"): value for key, value in table.items()})


def apply(identity: Identity, folder: Path) -> None:
    """Publish what lies in a folder for the IG Publisher under an identity."""
    _rewrite(folder / _CONFIG, lambda text: configured(identity, text))
    _rewrite(folder / _RULESETS, lambda text: stated(identity, text))
    for path in sorted((folder / _VOCABULARY).glob("*.json")):
        _rewrite(path, lambda text: _owned(identity, text))


def _rewrite(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def configured(identity: Identity, config: str) -> str:
    """Return SUSHI's configuration under an identity."""
    return _lines(
        config,
        version=f"version: {identity.version}",
        experimental="experimental: false",
        releaseLabel=f"releaseLabel: {identity.release_label}",
        publisher=f"publisher:\n  name: {identity.publisher}\n  url: {identity.contact}",
        parameters=f"parameters:\n  auto-oid-root: {identity.oid_root}",
        extension=(
            f"extension:\n"
            f"  - url: {_EXTENSIONS}-wg\n    valueCode: {identity.work_group}\n"
            f"  - url: {_EXTENSIONS}-standards-status\n    valueCode: {identity.standards_status}\n"
            f"  - url: {_EXTENSIONS}-fmm\n    valueInteger: {identity.maturity}"
        ),
    )


def _lines(config: str, **lines: str) -> str:
    """Put lines in the place of those with the same keys at the margin, and of a name or list below one."""
    for key, line in lines.items():
        config, count = _put(rf"^{key}:(?:\n  name: .*|(?:\n  - url: .*\n    value.*)+|.*)$", line, config)
        if count != 1:
            raise UsageError(f"SUSHI's configuration does not have `{key}` once", source=_CONFIG)
    return config


def _put(pattern: str, line: str, text: str) -> tuple[str, int]:
    """Put a line in the place of what matches, and count the places."""
    return re.subn(pattern, line.replace("\\", r"\\"), text, flags=re.MULTILINE)


def stated(identity: Identity, rulesets: str) -> str:
    """Return the rule sets with what all definitions state of their publisher."""
    version, publisher = json.dumps(identity.version), json.dumps(identity.publisher, ensure_ascii=False)
    for mark in ("^", ""):
        lines = {
            "version": f"* {mark}version = {version}",
            "experimental": f"* {mark}experimental = false",
            "publisher": "\n".join(
                (
                    f"* {mark}publisher = {publisher}",
                    f"* {mark}contact.telecom.system = #url",
                    f"* {mark}contact.telecom.value = {json.dumps(identity.contact)}",
                    f"* {mark}extension[0].url = $WorkGroup",
                    f"* {mark}extension[0].valueCode = #{identity.work_group}",
                )
            ),
        }
        for name, line in lines.items():
            rulesets, count = _put(rf"^\* {re.escape(mark)}{name} = .*$", line, rulesets)
            if count != 1:
                raise UsageError(f"the rule sets do not state `{mark}{name}` once", source=_RULESETS)
    return rulesets


def _owned(identity: Identity, resource: str) -> str:
    """Return a code system of DICOM under the name of who publishes the fragment; its version is DICOM's."""
    content = {**json.loads(resource), "publisher": identity.publisher, "experimental": False}
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
