"""What a server said instead of yes: whether it may pass, and its words without values.

======================================  =========================================================
status                                  what is done
======================================  =========================================================
no connection, no whole response,       the destination is tried again later, with all deliveries
401, 403, 407, 429, 502, 503, 504,      (`whole`): it is not about this document
and whatever is no FHIR (HTML)
408, 409, 412, 425, 500, other 5xx      this delivery is tried again later, so many times
413                                     sent in parts (`sending`)
other 4xx, an OperationOutcome          a dead letter
======================================  =========================================================

What a server says may quote the document, or another patient's. So only words are passed on that hold no
value: codes, paths, types, and plain words of its sentences (`Words`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.resources import files
from typing import Any

from sr2fhir.errors import Sr2FhirError
from sr2fhir.gateway.store import Failure
from sr2fhir.http import UNAVAILABLE, Errors, Response
from sr2fhir.packaging.policies import KINDS
from sr2fhir.validation import MASK, Mask

# about the destination, whatever the document
_WHOLE = frozenset({401, 403, 407, 429, 502, 503, 504})
# may pass; 409 and 412 are those of a race between senders (docs/sending.md)
_PASSING = frozenset({408, 409, 412, 425})
TOO_LARGE = 413
# FHIR R5, IssueType: `transient` and what is below it, and `exception`, an unexpected error of the server
_PASSING_CODES = frozenset(
    {"transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled"}
)
_SERIOUS = frozenset({"fatal", "error"})
# seconds; a server may ask for a longer pause, and gets this
LONGEST_S = 3600.0
_ISSUES = 3
_REPLAY = "Mend what is named, then replay it"
# what helps against some errors of the HAPI FHIR servers
_REMEDIES = {
    "HAPI-0958": "Have the resources with one identifier merged there, then replay it",
    "HAPI-0959": 'Allow client-assigned ids on the server, or set ids = "server"; then replay it',
}
NOTHING: Mapping[str, Any] = {}
_LENGTH = 300


class SendError(Sr2FhirError):
    """There is no whole response of a destination."""


ERRORS = Errors(SendError, SendError, SendError, "destination", "timeout_s")
"""What `http.Client` raises about a destination: all of it may pass."""


class PostponedError(Exception):
    """It may go well later.

    Parameters
    ----------
    failure
        What it was.
    after_s
        Seconds after which the server wants to be asked again, if it says so.
    whole
        Whether it is about the destination as a whole and not about this document.
    """

    def __init__(self, failure: Failure, *, after_s: float | None = None, whole: bool = False) -> None:
        super().__init__(failure.reason)
        self.failure = failure
        self.after_s = after_s
        self.whole = whole


class RefusedError(Exception):
    """It is not going to go well: somebody has to look at it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class TooLargeError(Exception):
    """The server takes no request of this size."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


Error = PostponedError | RefusedError | TooLargeError


def of_error(error: Sr2FhirError) -> PostponedError:
    """Return what becomes of an error of the client, such as no connection or half a response."""
    place = f" ({error.where})" if error.where else ""
    return PostponedError(Failure(None, f"{error.message}{place}", error.hint), whole=True)


def of_response(response: Response, bundle: Mapping[str, Any] = NOTHING) -> Error:
    """Return what becomes of a response that is no success.

    Parameters
    ----------
    response
        Of whatever status; one of success counts as failed here.
    bundle
        What it is about.
    """
    status = response.status
    issues = response.issues()
    reason = f"status {status}{_said(issues, bundle)}"
    after_s = retry_after(response.headers)
    if status == TOO_LARGE:
        return TooLargeError(Failure(status, reason, "Set max_entries, or raise the limit of the server"))
    if status in _WHOLE:
        return PostponedError(
            Failure(status, _reason(status, reason), _hint(status)), after_s=after_s, whole=True
        )
    if not response.content_type.endswith("json") and (response.ok or 400 <= status < 500):
        stated = re.sub(r"[^\w.+/-]", "", response.content_type)[:60] or "no type"
        reason = f"status {status} with {stated}: this is not the FHIR server"
        hint = "Check its URL, and what stands between: a proxy, a log-in page"
        return PostponedError(Failure(status, reason, hint), whole=True)
    if response.ok and not issues:
        return PostponedError(Failure(status, "the response is cut off, or is not what was asked for", None))
    if status in _PASSING or status >= 500 or (response.ok and _may_pass(issues)):
        return PostponedError(Failure(status, reason, _remedy(reason)), after_s=after_s)
    return RefusedError(Failure(status, reason, _remedy(reason) or _REPLAY))


def of_entries(response: Response, bundle: Mapping[str, Any]) -> Error | None:
    """Return what is wrong with the response to a transaction; None if all is well.

    It is well if it is a transaction-response, with one entry of success for each that was sent.
    """
    sent = len(bundle["entry"])
    content = response.json() if response.ok and response.content_type.endswith("json") else None
    if not isinstance(content, dict) or content.get("type") != "transaction-response":
        return of_response(response, bundle)
    entries = [each.get("response", {}) for each in content.get("entry", []) if isinstance(each, dict)]
    if len(entries) != sent:
        reason = f"the response has {len(entries)} entries for {sent}"
        return PostponedError(Failure(response.status, reason, "See the server's log"))
    failed = [each for each in entries if not str(each.get("status", "")).startswith("2")]
    return _of_entry(failed[0], bundle) if failed else None


def _of_entry(entry: Mapping[str, Any], bundle: Mapping[str, Any]) -> Error:
    """Return what becomes of an entry that failed inside of a response that says that all went well."""
    stated = re.match(r"\d{3}", str(entry.get("status", "")))
    status = int(stated[0]) if stated else 500
    outcome = entry.get("outcome")
    issues = outcome.get("issue", []) if isinstance(outcome, dict) else []
    reason = f"an entry has status {status}{_said(issues, bundle)}"
    if status in _PASSING | _WHOLE or status >= 500:
        return PostponedError(Failure(status, reason, None))
    return RefusedError(Failure(status, reason, _remedy(reason) or _REPLAY))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of the header Retry-After (RFC 9110, 10.2.3), bounded; None where there is none.

    A date is compared with the server's own clock, where it tells the time.
    """
    stated = headers.get("retry-after", "").strip()
    if stated.isdecimal():
        return min(float(stated), LONGEST_S)
    try:
        until = parsedate_to_datetime(stated)
        now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
        return min(max((until - now).total_seconds(), 0.0), LONGEST_S)
    except (ValueError, TypeError):
        return None


def _reason(status: int, reason: str) -> str:
    return f"{reason}: it {UNAVAILABLE[status]}" if status in UNAVAILABLE else reason


def _remedy(reason: str) -> str | None:
    return next((remedy for code, remedy in _REMEDIES.items() if code in reason), None)


def _hint(status: int) -> str | None:
    return "Check how the gateway logs in there, and what it may do" if status in (401, 403, 407) else None


def _may_pass(issues: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether the errors of an OperationOutcome with a status of success may pass."""
    codes = [each.get("code") for each in issues if each.get("severity") in _SERIOUS]
    return bool(codes) and all(code in _PASSING_CODES for code in codes)


def _said(issues: Iterable[Mapping[str, Any]], bundle: Mapping[str, Any]) -> str:
    """Return the errors of an OperationOutcome: code, element, and the server's words without values."""
    words = Words.of(bundle)
    serious = [each for each in issues if isinstance(each, dict) and each.get("severity") in _SERIOUS]
    said = [text for each in serious[:_ISSUES] if (text := words.issue(each))]
    more = f" … and {len(serious) - _ISSUES} more" if len(serious) > _ISSUES else ""
    return f": {'; '.join(said)}{more}" if said else ""


# ---- words that hold no value ------------------------------------------------------------------------------

_CODE = re.compile(r"[a-z]+(-[a-z]+){0,3}")
# a path into a resource
_PATH = re.compile(r"[A-Z][A-Za-z]+(\.[a-z][A-Za-z]*(\[\d{1,4}\]|\[x\])?|\.where\(…\))+")
# HAPI-0931; the number of an error of the HAPI FHIR servers
_NUMBERED = re.compile(r"HAPI-\d{1,5}")
_TRIMMED = "'\"`:;,.()[]{}"
_QUOTED = re.compile(r"""(?<!\w)(['"`])(.*?)\1(?!\w)""", re.DOTALL)
# words with a capital that begin the sentences of servers, and others that name no person
_KNOWN = frozenset(
    "A An And At Bundle Can Cannot CapabilityStatement Could CREATE DELETE Does Duplicate Element Entry "
    "Error Expected Extension Failed FHIR For Found GET HAPI HTTP ID IDs If In Incorrect Index Invalid Is "
    "It JSON Match Maximum Minimum Missing Multiple No None Not Operation OperationOutcome PATCH Please "
    "POST Profile Property PUT R4 R5 Reference Request Resource Server Status System The This Transaction "
    "Type Unable Unknown Unrecognized Unsupported UPDATE URI URL UUID Validation Value ValueSet Version "
    "XML".split()
)


@dataclass(frozen=True)
class Words:
    """Strip what a server says of values.

    Parameters
    ----------
    names
        Type and id of the resources that are sent; their ids are made of UIDs, one way.
    mask
        Of the personal values of the Bundle.
    """

    names: frozenset[str] = frozenset()
    mask: Mask = field(default_factory=lambda: Mask(None))

    @staticmethod
    def of(bundle: Mapping[str, Any]) -> Words:
        """Return what strips what is said about a Bundle."""
        resources = [entry["resource"] for entry in bundle.get("entry", ()) if "resource" in entry]
        names = frozenset(f"{each['resourceType']}/{each['id']}" for each in resources)
        return Words(names, Mask.of(dict(bundle)))

    def issue(self, issue: Mapping[str, Any]) -> str:
        """Return an issue: its code, the element that it names, and what it says."""
        code = str(issue.get("code", ""))
        expression = issue.get("expression")
        paths = expression if isinstance(expression, list) else []
        place = next((str(each) for each in paths if _PATH.fullmatch(str(each))), "")
        named = " ".join(part for part in (code if _CODE.fullmatch(code) else "", place) if part)
        return ": ".join(part for part in (named, self(" ".join(_texts(issue)))) if part)

    def __call__(self, text: str) -> str:
        """Return a text in which whatever may be a value is masked."""
        masked = _QUOTED.sub(self._quoted, self.mask(text[: _LENGTH * 4]))
        words = " ".join(self._word(word) for word in masked.split())
        words = re.sub(rf"{MASK}(?:\W*{MASK})+", MASK, words).strip()
        return words if len(words) <= _LENGTH else f"{words[:_LENGTH]}{MASK}"

    def _quoted(self, found: re.Match[str]) -> str:
        """Return what is quoted if it is an element, a type or a resource of ours; else it is a value."""
        return found[0] if self._is_name(found[2]) else MASK

    def _is_name(self, word: str) -> bool:
        return bool(_PATH.fullmatch(word) or _NUMBERED.fullmatch(word)) or word in KINDS or word in self.names

    def _word(self, word: str) -> str:
        """Return a word, or the mask in its place."""
        core = word.strip(_TRIMMED)
        if not core or core == MASK or self._is_name(core) or core in _KNOWN or _is_plain(core):
            return word
        before, _, after = word.partition(core)
        return f"{before}{MASK}{after}"


def _is_plain(word: str) -> bool:
    """Tell whether a word in lower case is one that servers use: `client-assigned` is made of such."""
    return all(part in _plain_words() for part in re.split("['-]", word))


@cache
def _plain_words() -> frozenset[str]:
    text = files(__package__).joinpath("words.txt").read_text("utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def _texts(issue: Mapping[str, Any]) -> Iterator[str]:
    """Return what an issue says; details and diagnostics are often the same."""
    details = issue.get("details")
    texts = (details.get("text") if isinstance(details, dict) else None, issue.get("diagnostics"))
    yield from dict.fromkeys(text for text in texts if isinstance(text, str))
