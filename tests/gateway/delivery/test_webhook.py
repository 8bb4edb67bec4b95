"""Webhooks: signed notices without patient data, sent again until they arrive, dead letters where they never will."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep, time

import pytest
from sr2fhir.errors import UsageError
from sr2fhir.gateway.authentication import Secret
from sr2fhir.gateway.delivery.failures import PostponedError, RefusedError
from sr2fhir.gateway.delivery.webhook import Webhook, WebhookPart, WebhookSender, keys, signed
from sr2fhir.gateway.store import AlertMade, Delivery, Route, Store

from tests.engines.fake_server import Action, Request, answer, reset, serving
from tests.gateway.objects import accept, new_store, report, results

KEY = b"k" * 32
FLAG = "Flag/e08bfdbd-2bd4-57b3-8492-6e403127fcdc"
SEEN = ("Observation/7220acab-b531-5a9b-a168-83c684142ca5",)
ALERT = AlertMade("pneumothorax", "live", FLAG, SEEN, "RID49480")
WELL = answer(b"", 204)


def written(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


@pytest.fixture
def secret(tmp_path: Path) -> Secret:
    (tmp_path / "pager.key").write_text(written(KEY) + "\n")
    return Secret(tmp_path / "pager.key")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path, routes=(Route("pager", "notice", None),)) as made:
        yield made


def flagged(store: Store, *alerts: AlertMade) -> int:
    """Have a report accepted and transformed, of which rules decided something."""
    receipt = accept(store, report("77", "SECRET-ID", PatientName="Secret^Name"))
    job = store.claim_object()
    assert job
    store.transformed(job, results(alerts or (ALERT,)))
    return receipt.object_id


def claimed(store: Store) -> Delivery:
    flagged(store)
    delivery = store.claim_delivery("pager")
    assert delivery
    return delivery


def part(url: str, secret: Secret, store: Store, **settings: object) -> WebhookPart:
    return WebhookPart(Webhook("pager", url, secret, after_s=0.01, after_at_most_s=0.05, **settings), store)  # type: ignore[arg-type]


def until(holds: Callable[[], bool]) -> None:
    end = monotonic() + 20
    while not holds():
        assert monotonic() < end
        sleep(0.02)


def checked(request: Request, *own: bytes) -> None:
    """Check a signature as the text of Standard Webhooks says, with no code of ours."""
    content = (
        f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    )
    wanted = [
        "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in own
    ]
    assert request.headers["webhook-signature"].split() == wanted
    assert abs(int(request.headers["webhook-timestamp"]) - time()) < 60


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """With key, id, time and body that its libraries are tested with."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [secret])
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_notice_has_ids_and_links_and_is_signed(store: Store, secret: Secret) -> None:
    with serving(WELL) as server:
        settings = Webhook("pager", server.url + "/alerts", secret, fhir_url="https://fhir.example/r5/")
        made = WebhookSender(settings).send(claimed(store))
    (request,) = server.requests
    assert (made.status, request.line) == (204, "POST /alerts HTTP/1.1")
    checked(request, KEY)
    content = json.loads(request.body)
    assert content["type"] == "critical-finding.flagged"
    links = {name: f"https://fhir.example/r5/{name}" for name in (FLAG, *SEEN)}
    said = {"rule": "pneumothorax", "category": "RID49480", "flag": FLAG, "observations": list(SEEN)}
    assert content["data"] == {**said, "object": 1, "links": links}


def test_nothing_of_the_patient_or_the_document_is_in_it(store: Store, secret: Secret) -> None:
    with serving(WELL) as server:
        WebhookSender(Webhook("pager", server.url, secret)).send(claimed(store))
    (request,) = server.requests
    sent = request.body.decode() + str(request.headers)
    assert not [each for each in ("SECRET", "Secret", "2.25.77") if each in sent]


def test_while_keys_change_each_signs(store: Store, secret: Secret) -> None:
    assert secret.file
    secret.file.write_text(f"{written(b'n' * 24)}\n{written(KEY)}\n")
    with serving(WELL) as server:
        WebhookSender(Webhook("pager", server.url, secret)).send(claimed(store))
    checked(server.requests[0], b"n" * 24, KEY)


@pytest.mark.parametrize(
    "text", ["secret", written(b"short"), written(b"x" * 65), base64.b64encode(KEY).decode()]
)
def test_what_is_no_key_is_told(secret: Secret, text: str) -> None:
    assert secret.file
    secret.file.write_text(text)
    with pytest.raises(Exception, match="not whsec_") as caught:
        keys(secret)
    assert text not in str(caught.value)


def test_it_is_sent_again_until_it_arrives_under_the_same_id(store: Store, secret: Secret) -> None:
    actions: tuple[Action, ...] = (answer(b"", 500), reset(), answer(b"", 204))
    with serving(*actions) as server:
        loop = part(server.url, secret, store)
        object_id = flagged(store)
        loop.start()
        until(lambda: store.views.object(object_id).deliveries[0].state == "delivered")  # type: ignore[union-attr]
        loop.stop(5)
    posts = [each for each in server.requests if each.line.startswith("POST")]
    assert len(posts) >= 2
    assert len({each.headers["webhook-id"] for each in posts}) == 1
    assert len({each.body for each in posts}) == 1


def test_what_never_arrives_is_a_dead_letter(store: Store, secret: Secret) -> None:
    with serving(answer(b"gone", 410)) as server:
        loop = part(server.url, secret, store)
        object_id = flagged(store)
        loop.start()
        until(lambda: store.views.object(object_id).deliveries[0].state == "dead")  # type: ignore[union-attr]
        loop.stop(5)
    (alert,) = store.views.alerts()
    assert alert.state == "dead"


@pytest.mark.parametrize(
    ("status", "error", "whole"),
    [
        (401, PostponedError, True),
        (429, PostponedError, True),
        (503, PostponedError, True),
        (408, PostponedError, False),
        (500, PostponedError, False),
        (400, RefusedError, None),
        (410, RefusedError, None),
    ],
)
def test_each_status_has_its_way(
    store: Store, secret: Secret, status: int, error: type[Exception], whole: bool | None
) -> None:
    with (
        serving(answer(b"Secret^Name", status, "text/plain")) as server,
        pytest.raises(error) as caught,
    ):
        WebhookSender(Webhook("pager", server.url, secret)).send(claimed(store))
    assert "Secret" not in str(caught.value)
    assert getattr(caught.value, "whole", None) == whole


def test_a_rule_in_the_shadow_tells_nobody(store: Store) -> None:
    flagged(store, ALERT._replace(mode="shadow", flag=None))
    assert store.claim_delivery("pager") is None


def test_two_findings_of_one_rule_are_two_notices(store: Store) -> None:
    flagged(store, ALERT, ALERT._replace(flag="Flag/2"))
    found = [store.claim_delivery("pager"), store.claim_delivery("pager")]
    assert {each.payload["flag"] for each in found if each and each.payload} == {FLAG, "Flag/2"}


def test_the_check_reads_the_key_and_tries_the_connection(store: Store, secret: Secret) -> None:
    with serving(answer(b"", 405)) as server:
        (check,) = part(server.url, secret, store).check()
        assert check.ok
    (check,) = part(server.url, secret, store).check()
    assert not check.ok
    assert secret.file
    secret.file.unlink()
    (check,) = part(server.url, secret, store).check()
    assert "secret" in check.message


def test_notices_do_not_go_over_the_network_in_clear(secret: Secret) -> None:
    with pytest.raises(UsageError, match="in clear") as caught:
        Webhook("pager", "http://pager.example/alerts", secret)
    assert caught.value.where == "url"
