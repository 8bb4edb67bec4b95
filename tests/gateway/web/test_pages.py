"""The pages as any client gets them: what they say, who gets them, and what forms do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from sr2fhir.engines import Engine
from sr2fhir.gateway.store import Failure
from sr2fhir.gateway.web.login import new_token
from sr2fhir.gateway.web.pages import age, local_path, summary
from sr2fhir.gateway.web.settings import Login, WebSettings
from sr2fhir.transformer import Transformer

from tests.gateway.web import example
from tests.gateway.web.site import Site, site

PAGES = (
    "/",
    "/reports",
    "/reports?state=dead",
    "/reports/1",
    "/reports/6",
    "/alerts",
    "/audit",
    "/reports/99",
)


@pytest.fixture(scope="module")
def busy(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a web server after a morning's work; for tests that change nothing but the audit trail."""
    with site(tmp_path_factory.mktemp("busy")) as running:
        example.fill(running, Transformer(engine))
        yield running


def text_of(response: requests.Response) -> str:
    """Return what a reader sees: without tags, blanks joined."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split())


def form_token(text: str) -> str:
    found = re.search(r'name="token_of_form" value="([0-9a-f]{64})"', text)
    assert found
    return found[1]


# ---- what they say


def test_the_overview_tells_counts_destinations_and_alarms(busy: Site) -> None:
    text = text_of(busy.get("/"))
    for words in ("1 received", "2 waiting", "3 delivered", "2 dead", "0 superseded", "8 in the last hour"):
        assert words in text
    assert "Error: destination research – 12 attempts failed with status 503" in text
    assert "ehr working 0 5 1" in text
    assert "research not responding 2 4 0" in text
    # the error before the warning
    assert text.index("Error: destination research") < text.index("Warning: web")
    assert re.search(r"In all \d+\.\d\d \d+\.\d\d \d+\.\d\d 3", text)


def test_dead_letters_tell_their_reason_and_how_to_mend_it(busy: Site) -> None:
    text = text_of(busy.get("/reports?state=dead"))
    assert example.REFUSED.reason in text
    assert example.REFUSED.hint in text
    assert "the data ends within an item" in text
    assert "/reports/1" not in busy.get("/reports?state=dead").text.replace("/reports/1?", "")


def test_reports_can_be_chosen_by_state_intake_and_destination(busy: Site) -> None:
    def shown(query: str) -> list[int]:
        return [
            int(number) for number in re.findall(r'href="/reports/(\d+)"', busy.get(f"/reports?{query}").text)
        ]

    assert shown("") == [8, 7, 6, 5, 4, 3, 2, 1]
    assert shown("state=waiting") == [7, 4]
    assert shown("intake=stow") == [8, 5, 2]
    assert shown("destination=ehr&state=dead") == [3]
    assert shown("before=4") == [3, 2, 1]
    assert shown("before=x&state=nonsense") == []


def test_pages_of_a_list_lead_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sr2fhir.gateway.web.pages.PAGE", 2)
    with site(tmp_path) as running:
        for name in example.NAMES[:3]:
            running.accept(example.sample(name))
        first = running.get("/reports?state=received").text
        (older,) = re.findall(r'href="(/reports\?[^"]*)" rel="next"', first)
        second = running.get(older.replace("&amp;", "&")).text
    assert [re.findall(r'href="/reports/(\d+)"', text) for text in (first, second)] == [["3", "2"], ["1"]]
    assert "rel=" not in second.replace('rel="stylesheet"', "").replace('rel="icon"', "")


def test_a_report_has_its_history_deliveries_findings_alerts_and_account(busy: Site) -> None:
    text = text_of(busy.get("/reports/1"))
    assert "Report 1 delivered" in text
    assert re.search(r"received – – .* transformed – – .* delivered ehr 200 .* delivered research 200", text)
    assert "2 header attributes reached no element of the Bundle" in text
    # of both versions of FHIR, and what both have once
    assert text.count("2 header attributes reached no element of the Bundle") == 1
    assert "2 elements of R5 have none in R4" in text
    assert "pneumothorax" in text
    assert "Flag/5f2c" in text
    # of docs/specification: the sample has 28 content items, all mapped or context
    assert "Content items 28 21 4 3 0" in text
    assert "SeriesNumber (0020,0011) IS no-target" in text
    assert "6 Observation" in text


def test_the_report_itself_can_be_fetched(busy: Site) -> None:
    response = busy.get("/reports/1/report.json")
    assert response.headers["Content-Type"] == "application/json"
    assert response.json()["items"]["total"] == 28
    assert busy.get("/reports/1/R4.report.json").json()["items"]["total"] == 28
    # whose report it is stands in these
    assert busy.get("/reports/1/R5.json").status_code == 404
    assert busy.get("/reports/1/outcome.json").status_code == 404


def test_a_report_that_died_of_its_input_has_no_account(busy: Site) -> None:
    text = text_of(busy.get("/reports/6"))
    assert "the data ends within an item" in text
    assert "What became of its content" not in text
    assert busy.get("/reports/6/report.json").status_code == 404


def test_what_is_not_there_is_told(busy: Site) -> None:
    response = busy.get("/reports/99")
    assert (response.status_code, "no report 99" in response.text) == (404, True)
    assert busy.get("/reports/none").status_code == 404
    assert busy.get(f"/reports/{'9' * 30}").status_code == 404
    assert busy.get(f"/reports/{'9' * 30}/report.json").status_code == 404
    assert busy.get(f"/reports?before={'9' * 30}").status_code == 200
    assert busy.get("/nothing").status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_whose_report_it_is(busy: Site, page: str) -> None:
    text = text_of(busy.get(page))
    assert not [word for word in example.names_of_patients() if re.search(rf"\b{re.escape(word)}\b", text)]


def test_alerts_tell_rule_mode_and_state(busy: Site) -> None:
    text = text_of(busy.get("/alerts"))
    assert re.search(r"large nodule \S+ \S+ shadow: only noted – 3 –", text)
    assert re.search(r"pneumothorax \S+ \S+ live sent 1 Flag/5f2c", text)


def test_whoever_opens_a_report_is_in_the_audit_trail(busy: Site) -> None:
    busy.get("/reports/2")
    newest = busy.store.views.audit_entries(limit=1)[0]
    assert (newest.who, newest.action, newest.object_id) == ("local", "saw the report", 2)
    assert re.search(r"local saw the report 2", text_of(busy.get("/audit")))


def test_what_a_server_or_peer_says_is_text_and_never_markup(local: Site) -> None:
    local.accept(peer="<script>alert(1)</script>")
    local.transform()
    delivery = local.store.claim_delivery("ehr")
    local.store.dead(delivery, Failure(422, "<img src=x onerror=alert(1)>", "<b>hint</b>"))
    for page in ("/", "/reports", "/reports/1"):
        text = local.get(page).text
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "<b>hint" not in text
        assert "&lt;img src=x" in text


def test_a_database_that_is_gone_is_told_on_the_page(local: Site) -> None:
    for file in local.store.incoming().parent.parent.glob("gateway.sqlite*"):
        file.unlink()
    response = local.get("/")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "10")
    assert local.get("/health/live").status_code == 200


# ---- what protects them


@pytest.mark.parametrize("path", [*PAGES, "/static/style.css", "/health/live", "/metrics", "/nothing"])
def test_every_response_carries_the_headers_that_protect_a_browser(busy: Site, path: str) -> None:
    headers = busy.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "server" not in headers


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_script_or_style_of_its_own(busy: Site, page: str) -> None:
    text = busy.get(page).text
    assert re.findall(r"<script[^>]*>", text) == ['<script src="/static/live.js" defer>']
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)


def test_another_host_is_refused(local: Site) -> None:
    assert local.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert local.get("/", headers={"Host": "localhost"}).status_code == 200


def test_the_session_is_for_this_site_and_no_script(local: Site) -> None:
    cookie = local.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


# ---- replay


def dead(running: Site) -> None:
    running.accept()
    running.transform()
    running.store.dead(running.store.claim_delivery("ehr"), example.REFUSED)


def form_of(running: Site, path: str) -> tuple[requests.Session, str]:
    session = requests.Session()
    return session, form_token(session.get(running.url + path, timeout=30).text)


def test_replay_of_chosen_reports(local: Site) -> None:
    dead(local)
    session, token = form_of(local, "/reports?state=dead")
    form = {"token_of_form": token, "object": ["1"], "back": "/reports?state=dead"}
    response = session.post(f"{local.url}/replay", data=form, timeout=30, allow_redirects=False)
    assert (response.status_code, response.headers["Location"]) == (303, "/reports?state=dead&replayed=1")
    assert local.store.views.object(1).row.state == "received"
    assert local.store.views.audit_entries(limit=1)[0].action == "replay"
    assert "1 report goes" in text_of(session.get(local.url + "/reports?state=dead&replayed=1", timeout=30))


def test_replay_at_one_destination_transforms_nothing(local: Site) -> None:
    dead(local)
    session, token = form_of(local, "/reports/1")
    form = {"token_of_form": token, "only": "1", "destination": "ehr", "back": "/reports/1"}
    session.post(f"{local.url}/replay", data=form, timeout=30)
    states = {each.destination: each.state for each in local.store.views.object(1).deliveries}
    assert states["ehr"] == "pending"
    assert local.store.views.object(1).row.state == "transformed"


def test_replay_of_all_that_are_dead(local: Site) -> None:
    dead(local)
    session, token = form_of(local, "/reports?state=dead")
    session.post(f"{local.url}/replay", data={"token_of_form": token, "every": "dead"}, timeout=30)
    assert local.store.views.counts()["dead"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"only": "1"}},
        {"data": {"only": "1", "token_of_form": "0" * 64}},
        {"headers": {"Sec-Fetch-Site": "cross-site"}},
        {"cookies": {"sr2fhir": "another"}},
    ],
)
def test_a_form_that_no_page_of_ours_sent_does_nothing(
    local: Site, change: dict[str, dict[str, str]]
) -> None:
    dead(local)
    _, token = form_of(local, "/reports/1")
    sent = {"data": {"token_of_form": token, "only": "1"}, **change}
    response = local.post("/replay", **sent)
    assert response.status_code == 403
    assert local.store.views.object(1).row.state == "dead"


def test_a_form_leads_back_to_a_page_of_ours_only(local: Site) -> None:
    local.accept()
    session, token = form_of(local, "/reports/1")
    form = {"token_of_form": token, "back": "https://evil.example/"}
    response = session.post(f"{local.url}/replay", data=form, timeout=30, allow_redirects=False)
    assert response.headers["Location"] == "/reports?replayed=0"


def test_a_form_that_is_too_large_is_refused(local: Site) -> None:
    assert local.post("/replay", data={"only": "1" * 100_000}).status_code == 413


# ---- log-in

GUARDED = (
    "/",
    "/reports",
    "/reports/1",
    "/reports/1/report.json",
    "/reports/1/R5.json",
    "/alerts",
    "/audit",
    "/metrics",
)


@pytest.mark.parametrize("path", GUARDED)
def test_without_a_token_nothing_is_served(closed: Site, path: str) -> None:
    response = closed.get(path)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="sr2fhir"')
    wrong = closed.get(path, headers={"Authorization": "Bearer people.wrong"})
    assert wrong.status_code == 401
    assert closed.post("/replay", data={"only": "1"}).status_code == 401
    assert closed.post("/dicom-web/studies", data=b"").status_code == 401


def test_every_path_is_guarded_but_those_that_say_nothing(closed: Site) -> None:
    from sr2fhir.gateway.web.app import OPEN, application

    routes = application(closed.web.settings, closed.store, list, list).routes
    assert len(routes) > 12
    for route in routes:
        path = re.sub(r"\{[^}]+\}", "1", route.path)
        if path in OPEN or path == "/logout":  # ends the session that it is given
            continue
        method = "post" if "POST" in route.methods else "get"
        assert requests.request(method, closed.url + path, timeout=30).status_code == 401, path


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("people", "/", 200),
        ("people", "/metrics", 403),
        ("monitor", "/metrics", 200),
        ("monitor", "/", 403),
        ("pacs", "/", 403),
        ("pacs", "/metrics", 403),
    ],
)
def test_a_token_may_do_what_its_line_says(closed: Site, name: str, path: str, status: int) -> None:
    assert closed.get(path, headers=closed.bearer(name)).status_code == status


def test_only_who_may_replay_replays(closed: Site) -> None:
    dead(closed)
    reader, people = closed.bearer("reader"), closed.bearer("people")
    assert "Replay" not in text_of(closed.get("/reports?state=dead", headers=reader))
    assert closed.post("/replay", data={"only": "1"}, headers=reader).status_code == 403
    # no browser sends such a header by itself, so that no token of a form is needed
    assert closed.post("/replay", data={"only": "1"}, headers=people).status_code == 303
    entry = closed.store.views.audit_entries(limit=1)[0]
    assert (entry.who, entry.action, entry.object_id) == ("people", "replay", 1)


def test_only_who_may_send_sends(closed: Site) -> None:
    headers = {"Content-Type": "application/dicom"}
    for name, status in (("pacs", 200), ("people", 403)):
        sent = closed.post(
            "/dicom-web/studies",
            data=example.sample(example.NAMES[0]).read_bytes(),
            headers={**headers, **closed.bearer(name)},
        )
        assert sent.status_code == status
    assert closed.store.views.objects()[0].peer == "pacs@127.0.0.1"


def test_a_browser_logs_in_looks_and_logs_out(closed: Site) -> None:
    closed.accept()
    session = requests.Session()
    first = session.get(f"{closed.url}/reports/1", headers={"Accept": "text/html"}, timeout=30)
    assert first.url == f"{closed.url}/login?next=/reports/1"
    before = session.cookies["sr2fhir"]
    form = {"token_of_form": form_token(first.text), "next": "/reports/1", "token": closed.tokens["people"]}
    page = session.post(f"{closed.url}/login", data=form, timeout=30)
    assert (page.url, page.status_code) == (f"{closed.url}/reports/1", 200)
    assert "Log out" in page.text
    # a new session: one that somebody else has put there before is of no use
    assert session.cookies["sr2fhir"] != before
    assert [each.action for each in closed.store.views.audit_entries()] == ["saw the report", "logged in"]
    # the session is for pages only
    assert session.get(f"{closed.url}/metrics", timeout=30).status_code == 403
    stolen = dict(session.cookies)
    session.post(f"{closed.url}/logout", data={"token_of_form": form_token(page.text)}, timeout=30)
    assert requests.get(f"{closed.url}/", cookies=stolen, timeout=30).status_code == 401


def test_a_wrong_token_is_told_and_opens_nothing(closed: Site) -> None:
    session, token = form_of(closed, "/login")
    for given in ("people.wrong", closed.tokens["monitor"], ""):
        page = session.post(f"{closed.url}/login", data={"token_of_form": token, "token": given}, timeout=30)
        assert (page.status_code, "not known" in page.text) == (401, True)
        assert given == "" or given not in page.text
    assert session.get(f"{closed.url}/", timeout=30).status_code == 401


def test_behind_a_proxy_its_header_logs_in_and_its_addresses_hold(tmp_path: Path) -> None:
    settings = WebSettings(
        port=0, behind_proxy=True, hosts=("gateway.example",), login=Login(header="X-Remote-User")
    )
    with site(tmp_path, settings) as running:
        headers = {
            "Host": "gateway.example",
            "X-Remote-User": "jane",
            "X-Forwarded-For": "10.1.2.3",
            "X-Forwarded-Proto": "https",
        }
        response = running.get("/", headers=headers)
        assert response.status_code == 200
        assert "jane" in text_of(response)
        assert response.headers["Set-Cookie"].startswith("__Host-sr2fhir=")
        assert "Secure" in response.headers["Set-Cookie"]
        del headers["X-Remote-User"]
        assert running.get("/", headers=headers).status_code == 401


def test_behind_a_proxy_a_sender_is_known_by_its_own_address(tmp_path: Path) -> None:
    token, line = new_token("pacs", ("store",))
    (tmp_path / "tokens").write_text(line)
    login = Login(tokens_file=tmp_path / "tokens")
    with site(tmp_path, WebSettings(port=0, behind_proxy=True, login=login)) as running:
        headers = {
            "Content-Type": "application/dicom",
            "Authorization": f"Bearer {token}",
            "X-Forwarded-For": "10.1.2.3",
        }
        content = example.sample(example.NAMES[0]).read_bytes()
        assert running.post("/dicom-web/studies", data=content, headers=headers).status_code == 200
        assert running.store.views.objects()[0].peer == "pacs@10.1.2.3"


def test_without_a_proxy_its_headers_are_passed_over(local: Site) -> None:
    content = example.sample(example.NAMES[0]).read_bytes()
    headers = {"Content-Type": "application/dicom", "X-Forwarded-For": "10.1.2.3"}
    assert local.post("/dicom-web/studies", data=content, headers=headers).status_code == 200
    assert local.store.views.objects()[0].peer == "127.0.0.1"


# ---- small ones


def test_durations_are_written_with_two_units() -> None:
    assert [age(seconds) for seconds in (0, 59.9, 61, 3600, 90061)] == [
        "0 s",
        "59 s",
        "1 min 1 s",
        "1 h 0 min",
        "1 d 1 h",
    ]


def test_quantiles_are_values_that_occurred() -> None:
    (found,) = summary({"total": [float(number) for number in range(100, 0, -1)]})
    assert found.quantiles == (50.0, 95.0, 99.0)
    assert found.number == 100
    assert summary({"total": [7.0]})[0].quantiles == (7.0, 7.0, 7.0)
    assert summary({}) == []


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/a\nb"]
)
def test_a_log_in_leads_nowhere_else(path: str) -> None:
    assert local_path(path) == "/"
