"""Critical findings: from an AI's report to somebody who acts, by the rules of a site.

1. `rules` reads the file of rules, `alerts.toml`.
2. `matching` finds the Observations of the R5 collection that a rule matches.
3. `critical` makes the logical model `CriticalFinding` of each; a map makes Flag and CommunicationRequest.

What comes out stands in the same collection as the results, so neither is stored without the other. It is
decided by the content of one document alone: the same document gives the same alerts, under the same ids.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from sr2fhir.alerts.critical import critical_finding, flag_id
from sr2fhir.alerts.matching import Match, matches
from sr2fhir.alerts.rules import CATEGORIES, Mode, Rule, Rules, read
from sr2fhir.findings import Finding
from sr2fhir.jsontext import JsonObject

__all__ = ["CATEGORIES", "Alert", "Alerts", "Mode", "Rule", "Rules", "decide", "read"]

EXPIRED = "expired-rule"


@dataclass(frozen=True)
class Alert:
    """What a rule decided of one Observation.

    Parameters
    ----------
    rule, mode, category
        Name, mode and category of the rule.
    flag
        `Flag/<id>`; None in the mode `shadow`, in which none is made.
    observations
        `Observation/<id>` of the one that matched, and of the members that made it match.
    """

    rule: str
    mode: Mode
    category: str
    flag: str | None
    observations: tuple[str, ...]


@dataclass(frozen=True)
class Alerts:
    """What the rules decided of one collection.

    Parameters
    ----------
    alerts
        All decisions.
    documents
        The logical model of each that is live.
    findings
        What is to be told of rules.
    """

    alerts: tuple[Alert, ...] = ()
    documents: tuple[JsonObject, ...] = ()
    findings: tuple[Finding, ...] = field(default=())


def decide(rules: Rules, bundle: JsonObject) -> Alerts:
    """Decide which Observations of an R5 collection are critical.

    A rule that has expired before the document was written decides nothing; a finding says so where it would
    have matched.
    """
    found = list(matches(rules.rules, bundle))
    in_force = [match for match in found if not is_expired(match)]
    expired = {match.rule.name: match.rule for match in found if is_expired(match)}
    return Alerts(
        tuple(map(_alert, in_force)),
        tuple(critical_finding(match) for match in in_force if match.rule.mode == "live"),
        tuple(map(_told, expired.values())),
    )


def is_expired(match: Match) -> bool:
    """Tell whether a report is later than its rule; of one without a date nothing is known."""
    issued = match.observation.get("issued")
    return issued is not None and date.fromisoformat(issued[:10]) > match.rule.expires


def _alert(match: Match) -> Alert:
    rule = match.rule
    names = tuple(f"Observation/{each['id']}" for each in match.observations)
    flag = f"Flag/{flag_id(match)}" if rule.mode == "live" else None
    return Alert(rule.name, rule.mode, rule.category, flag, names)


def _told(rule: Rule) -> Finding:
    message = f"the alert rule {rule.name} would have matched, but has expired on {rule.expires}"
    return Finding(
        "warning", EXPIRED, "1", message, "Review the rule, and give it a later day under `expires`"
    )
