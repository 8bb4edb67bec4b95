"""The status page: what is there, what is wrong, what became of each report, and replay."""

from __future__ import annotations

import hmac
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlencode

from anyio import to_thread
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydicom.uid import UID
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response

from sr2fhir.gateway.store.records import OUTCOME, REPORT
from sr2fhir.gateway.web.login import Caller, Gate

if TYPE_CHECKING:
    from sr2fhir.gateway.parts import Alarm
    from sr2fhir.gateway.store import Store
    from sr2fhir.gateway.store.views import Found, ObjectDetail, Stage

logger = logging.getLogger(__name__)

Alarms = Callable[[], Sequence["Alarm"]]
Workers = Callable[[], Sequence[int]]
FOLDER = Path(__file__).parent
MENU = (
    ("/", "Overview"),
    ("/reports", "Reports"),
    ("/reports?state=dead", "Dead letters"),
    ("/alerts", "Alerts"),
    ("/audit", "Audit trail"),
)
#: state of a report to its colour and what it means
STATES = {
    "received": ("", "to be transformed"),
    "transformed": ("", "to be delivered"),
    "waiting": ("warn", "tried, to be tried again"),
    "delivered": ("good", "at every destination"),
    "dead": ("bad", "given up: needs somebody"),
    "superseded": ("", "a newer state is there"),
    "skipped": ("", "of another template"),
}
#: state of the circuit breaker of a destination in words, with their colour
BREAKERS = {
    None: ("not used yet", ""),
    "closed": ("working", "good"),
    "half-open": ("being tried", "warn"),
    "open": ("not responding", "bad"),
}
#: state of an alert in words, with their colour
ALERTS = {
    "sent": ("sent", "good"),
    "waiting": ("waiting", "warn"),
    "dead": ("dead: nobody was told", "bad"),
    "superseded": ("superseded", ""),
}
STAGES: dict[Stage, str] = {"transform": "Transformation", "deliver": "Delivery", "total": "In all"}
#: classes of the report of a transformation (docs/errors.md)
CLASSES = {
    "total": "In all",
    "IG": "As the guide says",
    "SUPP": "Supplementary",
    "CONTEXT": "Context",
    "UNM": "Not mapped",
}
QUANTILES = (0.5, 0.95, 0.99)
PAGE, DEAD_SHOWN, LONGEST = 50, 10, 200
HOUR_S = 3600.0
LONGEST_FORM = 64 << 10
# what the databases hold
LARGEST_ID = (1 << 63) - 1


class Latency(NamedTuple):
    """Seconds of a stage: its quantiles, and of how many reports."""

    stage: str
    quantiles: tuple[float, ...]
    number: int


class Pages:
    """Serve the pages.

    Parameters
    ----------
    store
        What they show.
    gate
        Sessions, and the tokens of forms.
    alarms
        What is wrong now.
    """

    def __init__(self, store: Store, gate: Gate, alarms: Alarms) -> None:
        self._store = store
        self._gate = gate
        self._alarms = alarms
        self._templates = Environment(
            loader=PackageLoader("sr2fhir.gateway.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "menu": MENU,
            "STATES": STATES,
            "BREAKERS": BREAKERS,
            "ALERTS": ALERTS,
            "CLASSES": CLASSES,
            "LONGEST": LONGEST,
            "moment": moment,
            "age": age,
            "kind_of": kind_of,
            "is_open": gate.is_open,
        }

    # ---- pages ---------------------------------------------------------------------------------------------

    async def overview(self, request: Request) -> Response:
        """Show counts, flow, destinations, alarms and the newest dead letters."""
        return await run_in_threadpool(self._overview, request)

    def _overview(self, request: Request) -> Response:
        views = self._store.views
        now = views.now()
        return self._page(
            request,
            "overview.html",
            now=now,
            alarms=sorted(self._alarms(), key=lambda alarm: alarm.severity),
            counts=views.counts(),
            oldest=views.oldest_waiting(),
            rates=views.rates(),
            destinations=views.destinations(),
            latencies=summary(views.latencies(since=now - HOUR_S)),
            dead=views.objects(state="dead", limit=DEAD_SHOWN),
        )

    async def reports(self, request: Request) -> Response:
        """List reports, newest first."""
        return await run_in_threadpool(self._reports, request)

    def _reports(self, request: Request) -> Response:
        views, asked = self._store.views, request.query_params
        filters = (
            ("state", "State", list(STATES)),
            ("intake", "Received by", sorted(views.received_by_intake())),
            ("destination", "Destination", [each.name for each in views.destinations()]),
        )
        chosen = {name: asked.get(name) or None for name, _, _ in filters}
        rows = views.objects(**chosen, before=number(asked.get("before")), limit=PAGE + 1)
        stated = {name: value for name, value in chosen.items() if value}
        older = f"/reports?{urlencode(stated | {'before': rows[PAGE - 1].id})}" if len(rows) > PAGE else None
        is_dead = chosen["state"] == "dead"
        return self._page(
            request,
            "reports.html",
            heading="Dead letters" if is_dead else "Reports",
            here=MENU[2 if is_dead else 1][0],
            filters=filters,
            chosen=chosen,
            rows=rows[:PAGE],
            older=older,
            back=f"/reports?{urlencode(stated)}",
            replayed=number(asked.get("replayed")),
        )

    async def report(self, request: Request) -> Response:
        """Show one report: history, deliveries, findings, and what became of its content."""
        return await run_in_threadpool(self._report, request)

    def _report(self, request: Request) -> Response:
        object_id = request.path_params["id"]
        detail = self._detail(object_id)
        if detail is None:
            return self._missing(request, object_id)
        self._store.audit(self._caller(request).name, "saw the report", object_id)
        return self._page(
            request,
            "report.html",
            detail=detail,
            findings=findings_of(detail),
            reports=[name for name in detail.results if name.endswith(REPORT)],
            account=whole_account(parsed(detail.results.get(REPORT))),
            here="/reports",
            here_full=f"/reports/{object_id}",
            replayed=number(request.query_params.get("replayed")),
        )

    def _detail(self, object_id: int) -> ObjectDetail | None:
        return self._store.views.object(object_id) if object_id <= LARGEST_ID else None

    async def account(self, request: Request) -> Response:
        """Send the report of the transformation as it is."""
        return await run_in_threadpool(self._account, request)

    def _account(self, request: Request) -> Response:
        object_id = request.path_params["id"]
        detail = self._detail(object_id)
        name = request.path_params["name"]
        file = detail.results.get(name) if detail else None
        if file is None or not name.endswith(REPORT) or not file.is_file():
            return self._missing(request, object_id)
        self._store.audit(self._caller(request).name, "fetched the report", object_id)
        return FileResponse(file, media_type="application/json", filename=f"{object_id}.{name}.json")

    async def alerts(self, request: Request) -> Response:
        """List what the rules decided."""
        rows = await run_in_threadpool(lambda: self._store.views.alerts(limit=PAGE))
        return self._page(request, "alerts.html", rows=rows)

    async def audit(self, request: Request) -> Response:
        """List who saw or did what."""
        before = number(request.query_params.get("before"))
        rows = await run_in_threadpool(lambda: self._store.views.audit_entries(limit=PAGE + 1, before=before))
        older = f"/audit?before={rows[PAGE - 1].id}" if len(rows) > PAGE else None
        return self._page(request, "audit.html", rows=rows[:PAGE], older=older)

    # ---- what people do ------------------------------------------------------------------------------------

    async def replay(self, request: Request) -> Response:
        """Send reports through the gateway again: those that are chosen, or all that are dead."""
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        return await run_in_threadpool(self._replay, request, form)

    def _replay(self, request: Request, form: Mapping[str, list[str]]) -> Response:
        who = self._caller(request).name
        back = form.get("back", ["/reports"])[0]
        if not back.startswith("/reports"):
            back = "/reports"
        destination = form.get("destination", [""])[0] or None
        if form.get("every") == ["dead"]:
            replayed = self._store.replay(state="dead", destination=destination, who=who)
        else:
            numbers = map(number, form.get("only") or form.get("object", []))
            chosen = [each for each in numbers if each is not None]
            replayed = self._store.replay(objects=chosen, destination=destination, who=who) if chosen else 0
        return RedirectResponse(f"{back}{'&' if '?' in back else '?'}replayed={replayed}", 303)

    async def ask_token(self, request: Request) -> Response:
        """Show the form in which a browser shows a token."""
        if self._gate.is_open:
            return RedirectResponse("/", 303)
        return self._log_in_page(request, local_path(request.query_params.get("next", "/")))

    async def log_in(self, request: Request) -> Response:
        """Open a session for a token that may see pages."""
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        token, leads_to = form.get("token", [""])[0].strip(), local_path(form.get("next", ["/"])[0])
        tokens = self._gate.tokens
        limiter = self._gate.limiter
        caller = await to_thread.run_sync(tokens.caller, token, limiter=limiter) if tokens else None
        if caller is None or "see" not in caller.rights:
            logger.warning(
                "a log-in was refused, from %s", request.client.host if request.client else "unknown"
            )
            return self._log_in_page(request, leads_to, failed=True)
        await run_in_threadpool(self._store.audit, caller.name, "logged in")
        response = RedirectResponse(leads_to, 303)
        self._set_cookie(response, self._gate.sessions.open(token))
        return response

    async def log_out(self, request: Request) -> Response:
        """End the session."""
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        self._gate.sessions.close(request.cookies.get(self._gate.cookie, ""))
        response = RedirectResponse("/login", 303)
        response.delete_cookie(
            self._gate.cookie, secure=self._gate.is_secure, httponly=True, samesite="strict"
        )
        return response

    # ---- common to them ------------------------------------------------------------------------------------

    def _log_in_page(self, request: Request, leads_to: str, *, failed: bool = False) -> Response:
        return self._page(
            request,
            "login.html",
            401 if failed else 200,
            next=leads_to,
            failed=failed,
            takes_tokens=self._gate.tokens is not None,
        )

    def _missing(self, request: Request, object_id: int) -> Response:
        message = f"There is no report {object_id}, or what was asked for of it is not there (any more)."
        return self._page(request, "missing.html", 404, message=message)

    def _page(self, request: Request, name: str, status: int = 200, **values: Any) -> Response:
        """Make a page; a browser that has no session yet gets one, to which the tokens of forms belong."""
        caller = getattr(request.state, "caller", None)
        known = request.cookies.get(self._gate.cookie)
        session = known or self._gate.sessions.new_id()
        values = {"here": request.url.path, "replayed": None, "now": time.time()} | values
        text = self._templates.get_template(name).render(
            values,
            caller=caller,
            has_session=bool(known and self._gate.sessions.token(known)),
            may_replay=bool(caller and "replay" in caller.rights),
            form_token=self._gate.sessions.form_token(session),
        )
        response = HTMLResponse(text, status)
        if not known:
            self._set_cookie(response, session)
        return response

    def _set_cookie(self, response: Response, session: str) -> None:
        response.set_cookie(
            self._gate.cookie,
            session,
            path="/",
            secure=self._gate.is_secure,
            httponly=True,
            samesite="strict",
        )

    async def _form(self, request: Request) -> dict[str, list[str]] | Response:
        """Read a form, if a page of ours sent it; else return a refusal."""
        body = b""
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > LONGEST_FORM:
                    return PlainTextResponse("The form is too large\n", 413)
        except ClientDisconnect:
            return PlainTextResponse("The form is cut off\n", 400)
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=2 * PAGE * PAGE)
        caller = getattr(request.state, "caller", None)
        if caller and caller.by_token:  # no browser sends such a header by itself
            return form
        session = request.cookies.get(self._gate.cookie, "")
        given = form.get("token_of_form", [""])[0]
        is_ours = session and hmac.compare_digest(
            given.encode(), self._gate.sessions.form_token(session).encode()
        )
        if not is_ours or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            message = (
                "This form does not come from a page of this gateway, or its page is too old: load it again\n"
            )
            return PlainTextResponse(message, 403)
        return form

    @staticmethod
    def _caller(request: Request) -> Caller:
        caller: Caller = request.state.caller
        return caller


# ---- values as people read them ----------------------------------------------------------------------------


def moment(seconds: float) -> Markup:
    """Write a time: UTC, which the script turns into the reader's own."""
    when = datetime.fromtimestamp(seconds, UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        when.strftime("%Y-%m-%dT%H:%M:%SZ"), when.strftime("%Y-%m-%d %H:%M:%S")
    )


def age(seconds: float) -> str:
    """Write a duration with its two largest units: `2 h 5 min`."""
    left = max(0, int(seconds))
    words: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or words:
            words.append(f"{count} {unit}")
    return " ".join(words[:2]) or "0 s"


def kind_of(sop_class_uid: str) -> str:
    """Return the name of a SOP Class, as PS3.6 has it, without the word that all have."""
    name = UID(sop_class_uid).name
    return name.removesuffix(" Storage") if name != sop_class_uid else "unknown SOP Class"


def number(text: str | None) -> int | None:
    """Read a number that a URL or form states; None if it is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def local_path(path: str) -> str:
    """Return a path of this server; of anything else the first page, so that a log-in leads nowhere else."""
    is_local = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_local else "/"


def summary(latencies: Mapping[Stage, Sequence[float]]) -> list[Latency]:
    """Return the quantiles of each stage that reports went through (nearest rank)."""
    found = []
    for stage, words in STAGES.items():
        if values := sorted(latencies.get(stage, ())):
            ranks = [ceil(share * len(values)) - 1 for share in QUANTILES]
            found.append(Latency(words, tuple(values[rank] for rank in ranks), len(values)))
    return found


def parsed(file: Path | None) -> dict[str, Any]:
    """Read a result; empty if it is not there (any more)."""
    if file is None:
        return {}
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def findings_of(detail: ObjectDetail) -> list[dict[str, str]]:
    """Return what was found in a report: by the store, and in its transformation to each version of FHIR."""
    outcomes = [parsed(file) for name, file in detail.results.items() if name.endswith(OUTCOME)]
    found = [*map(finding_of, detail.findings), *(each for one in outcomes for each in findings_in(one))]
    return [each for place, each in enumerate(found) if each not in found[:place]]


def finding_of(found: Found) -> dict[str, str]:
    """Return a finding of the store as those of an OperationOutcome are."""
    return {"severity": "warning", "text": found.message, "more": found.code}


def findings_in(outcome: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what an OperationOutcome says: severity, text, and where and how to mend it."""
    return [
        {
            "severity": issue["severity"],
            "text": issue.get("details", {}).get("text", ""),
            "more": issue.get("diagnostics", ""),
        }
        for issue in outcome.get("issue", ())
        if issue.get("severity") != "success"
    ]


#: what a line of the report may have; a template asks for all of them
_OF_LINE = dict.fromkeys(("source", "concept", "tag", "valueType", "vr", "reason", "elements"))


def whole_account(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the report of a transformation for its page; None if there is none."""
    if not {"items", "attributes", "resources"} <= report.keys():
        return None
    lists = ("unmapped", "losses", "lineage")
    return dict(report) | {name: [_OF_LINE | line for line in report.get(name, ())] for name in lists}
