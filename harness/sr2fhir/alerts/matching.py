"""Find the Observations of a Bundle that a site's rules call critical.

A rule sees what the resources say, not the document: an Observation of R5, its components, the Observations
that are its members, and the Device that made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

from sr2fhir.alerts.rules import Condition, DeviceIs, Rule, Token
from sr2fhir.documents.measurement_report.group_findings import ABSENCE, ASKS_FOR_PRESENCE
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.codes import standard_schemes

_NEGATIVE = ("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "NEG")


class Match(NamedTuple):
    """A rule, the Observation that it matches, and the members of it that made it match."""

    rule: Rule
    observation: JsonObject
    members: tuple[JsonObject, ...]

    @property
    def observations(self) -> tuple[JsonObject, ...]:
        """All of these Observations, each once."""
        named = {each["id"]: each for each in (self.observation, *self.members)}
        return tuple(named.values())


@dataclass(frozen=True)
class Resources:
    """The resources of a Bundle.

    Parameters
    ----------
    by_url
        Full URL to resource, in the order of the Bundle.
    """

    by_url: Mapping[str, JsonObject]

    @staticmethod
    def of(bundle: JsonObject) -> Resources:
        """Return the resources of a collection."""
        return Resources({entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]})

    @cached_property
    def observations(self) -> tuple[JsonObject, ...]:
        """The Observations."""
        return tuple(each for each in self.by_url.values() if each["resourceType"] == "Observation")

    @cached_property
    def of_negative_groups(self) -> frozenset[str]:
        """Ids of what groups contain whose finding is absent: it speaks of a finding that is not there."""
        left = [each for each in self.observations if _is_negative(each)]
        found: set[str] = set()
        while left:
            new = [member for member in self.members(left.pop()) if member["id"] not in found]
            found.update(member["id"] for member in new)
            left += new
        return frozenset(found)

    def members(self, observation: JsonObject) -> Iterator[JsonObject]:
        """Yield the Observations that are members of one."""
        found = (self.by_url.get(ref.get("reference", "")) for ref in observation.get("hasMember", ()))
        return (each for each in found if each is not None)

    def device(self, observation: JsonObject) -> JsonObject | None:
        """Return the Device that made an Observation."""
        return self.by_url.get(observation.get("device", {}).get("reference", ""))


def matches(rules: Iterable[Rule], bundle: JsonObject) -> Iterator[Match]:
    """Yield what each rule matches, in the order of the rules, then of the Bundle.

    Parameters
    ----------
    bundle
        A collection of R5.
    """
    resources = Resources.of(bundle)
    may_alert = [each for each in resources.observations if not is_excluded(each, resources)]
    for rule in rules:
        for observation in may_alert:
            members = matched_members(rule, observation, resources)
            if members is not None and fits(rule, observation, resources):
                yield Match(rule, observation, members)


def fits(rule: Rule, observation: JsonObject, resources: Resources) -> bool:
    """Tell whether an Observation is what a rule asks for, but for its members."""
    return (
        holds(rule.own, observation)
        and (not rule.statuses or observation.get("status") in rule.statuses)
        and (rule.device is None or is_device(rule.device, resources.device(observation)))
        and all(
            any(holds(wanted, each) for each in observation.get("component", ()))
            for wanted in rule.components
        )
    )


def matched_members(
    rule: Rule, observation: JsonObject, resources: Resources
) -> tuple[JsonObject, ...] | None:
    """Return for each condition on members the first one for which it holds; None where there is none."""
    found = []
    for wanted in rule.members:
        said = (each for each in resources.members(observation) if not is_in_error(each))
        members = (each for each in said if not _is_negative(each))
        member = next((each for each in members if holds(wanted, each)), None)
        if member is None:
            return None
        found.append(member)
    return tuple(found)


def holds(wanted: Condition, said: JsonObject) -> bool:
    """Tell whether an Observation or a component of one says what is wanted."""
    if wanted.codes and wanted.codes.isdisjoint(tokens(said.get("code"))):
        return False
    if wanted.values and wanted.values.isdisjoint(tokens(said.get("valueCodeableConcept"))):
        return False
    return wanted.quantity is None or wanted.quantity.holds(said.get("valueQuantity", {}))


def is_device(wanted: DeviceIs, device: JsonObject | None) -> bool:
    """Tell whether a Device has one of the names and one of the versions."""
    if device is None:
        return False
    names = {device.get("displayName"), *(name.get("value") for name in device.get("name", ()))}
    versions = {version.get("value") for version in device.get("version", ())}
    return (not wanted.names or not wanted.names.isdisjoint(names)) and (
        not wanted.versions or not wanted.versions.isdisjoint(versions)
    )


# ---- what is never critical --------------------------------------------------------------------------------


def is_excluded(observation: JsonObject, resources: Resources) -> bool:
    """Tell whether no rule may match: an error, or something of which the document says that it is absent.

    The forms in which a Bundle says so are those of the decisions D41 and D42.
    """
    return (
        is_in_error(observation)
        or _is_negative(observation)
        or not _absence().isdisjoint(tokens(observation.get("valueCodeableConcept")))
        or observation["id"] in resources.of_negative_groups
        or any(_denies(component, observation) for component in observation.get("component", ()))
    )


def is_in_error(observation: JsonObject) -> bool:
    """Tell whether an Observation is one that should not have been made."""
    return bool(observation.get("status") == "entered-in-error")


def _is_negative(observation: JsonObject) -> bool:
    return any(_NEGATIVE in tokens(each) for each in observation.get("interpretation", ()))


def _denies(component: JsonObject, observation: JsonObject) -> bool:
    """Tell whether a component says that what its Observation is about is absent: no mere property."""
    if _absence().isdisjoint(tokens(component.get("valueCodeableConcept"))):
        return False
    about = tokens(observation.get("valueCodeableConcept")) | tokens(observation.get("code"))
    return not (_presence() | about).isdisjoint(tokens(component.get("code")))


@cache
def _absence() -> frozenset[Token]:
    """Return the codes of Absent, No and the like."""
    return frozenset(map(_token_of, ABSENCE))


@cache
def _presence() -> frozenset[Token]:
    """Return the codes of concepts that ask whether something is there."""
    return frozenset(map(_token_of, ASKS_FOR_PRESENCE))


def _token_of(key: str) -> Token:
    """Return system and code of a concept key, `SCT#2667000`."""
    designator, _, code = key.partition("#")
    return str(standard_schemes()[designator.upper()].system), code


def tokens(concept: JsonObject | None) -> frozenset[Token]:
    """Return system and code of each coding of a concept."""
    codings = concept.get("coding", ()) if concept else ()
    return frozenset((coding.get("system", ""), coding.get("code", "")) for coding in codings)
