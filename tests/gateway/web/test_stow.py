"""STOW-RS (PS3.18 section 10.5) over real connections: what is stored, what is refused, what faults leave behind."""

from __future__ import annotations

import errno
import json
import shutil
import socket
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import pydicom
import pytest
import requests
from pydicom.uid import ComprehensiveSRStorage, CTImageStorage
from sr2fhir.gateway.intake.multipart import Received
from sr2fhir.gateway.web import protection
from sr2fhir.gateway.web.settings import StowSettings, WebSettings

from tests.gateway.web.site import ABSENT, PRESENT, Site, site

DICOM, JSON = "application/dicom", "application/dicom+json"


def related(
    *parts: bytes, form: str = DICOM, boundary: str = "the-boundary", **headers: str
) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a request; a part is its headers, an empty line, and what it holds."""
    joined = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in parts)
    body = joined + b"--%s--\r\n" % boundary.encode()
    return body, {"Content-Type": f'multipart/related; type="{form}"; boundary={boundary}', **headers}


def part(content: bytes, form: str = DICOM, **headers: str) -> bytes:
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"Content-Type: {form}\r\n{more}\r\n".encode() + content


def send(site: Site, *parts: bytes, to: str = "", **more: Any) -> requests.Response:
    body, headers = related(*parts, **more)
    return requests.post(site.stow + to, data=body, headers=headers, timeout=30)


def uids(response: requests.Response, tag: str) -> list[str]:
    return [item["00081155"]["Value"][0] for item in response.json().get(tag, {}).get("Value", [])]


def reasons(response: requests.Response, tag: str = "00081198") -> list[int]:
    return [item["00081197"]["Value"][0] for item in response.json()[tag]["Value"]]


def changed(sample: Path, **attributes: str) -> bytes:
    dataset = pydicom.dcmread(sample)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    if "SOPInstanceUID" in attributes:
        dataset.file_meta.MediaStorageSOPInstanceUID = attributes["SOPInstanceUID"]
    if "SOPClassUID" in attributes:
        dataset.file_meta.MediaStorageSOPClassUID = attributes["SOPClassUID"]
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


PRESENT_UID, ABSENT_UID = (pydicom.dcmread(sample).SOPInstanceUID for sample in (PRESENT, ABSENT))
STUDY = pydicom.dcmread(PRESENT).StudyInstanceUID


# ---- stored


def test_instances_are_stored_and_told(local: Site) -> None:
    response = send(local, part(PRESENT.read_bytes()), part(ABSENT.read_bytes()))
    assert (response.status_code, response.headers["Content-Type"]) == (200, JSON)
    assert uids(response, "00081199") == [PRESENT_UID, ABSENT_UID]
    content = response.json()
    # type 2: nothing can be retrieved from here
    assert content["00081190"] == {"vr": "UR"}
    assert content["00081199"]["Value"][0]["00081150"] == {
        "vr": "UI",
        "Value": [str(pydicom.dcmread(PRESENT).SOPClassUID)],
    }
    assert "00081198" not in content
    rows = local.store.views.objects()
    assert [(row.state, row.intake, row.peer) for row in rows] == [("received", "stow", "127.0.0.1")] * 2
    files = {local.store.views.object(row.id).file.read_bytes() for row in rows}
    assert files == {PRESENT.read_bytes(), ABSENT.read_bytes()}
    assert len(local.kept()) == 2


def test_the_same_again_is_no_second_object(local: Site) -> None:
    for _ in range(2):
        assert send(local, part(PRESENT.read_bytes())).status_code == 200
    assert len(local.store.views.objects()) == 1


def test_the_boundary_may_stand_in_quotes_and_the_type_may_be_missing(local: Site) -> None:
    body, _ = related(part(PRESENT.read_bytes()), boundary="a b'c")
    headers = {"Content-Type": 'multipart/related; boundary="a b\'c"'}
    assert requests.post(local.stow, data=body, headers=headers, timeout=30).status_code == 200


def test_a_single_instance_needs_no_parts(local: Site) -> None:
    headers = {"Content-Type": DICOM}
    response = requests.post(local.stow, data=PRESENT.read_bytes(), headers=headers, timeout=30)
    assert uids(response, "00081199") == [PRESENT_UID]


def test_a_body_that_comes_in_chunks_of_any_size_is_the_same(local: Site) -> None:
    body, headers = related(part(PRESENT.read_bytes()))

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 37):
            yield body[start : start + 37]

    response = requests.post(local.stow, data=pieces(), headers=headers, timeout=30)
    assert response.status_code == 200
    assert local.store.views.object(1).file.read_bytes() == PRESENT.read_bytes()


def test_metadata_is_stored_as_it_stands(local: Site) -> None:
    # DICOM JSON writes a DS as a number or, to keep its digits, as a string
    text = json.dumps(pydicom.dcmread(PRESENT).to_json_dict()).encode()
    for form in ([text], b"[" + text + b"]"):
        body = b"".join(form) if isinstance(form, list) else form
        response = send(local, part(body, JSON), form=JSON)
        assert uids(response, "00081199") == [PRESENT_UID], response.text
    assert local.store.views.object(1).file.read_bytes() == text


def test_bulk_data_is_put_into_the_metadata_that_names_it(local: Site) -> None:
    content = pydicom.dcmread(PRESENT).to_json_dict()
    content["00420011"] = {"vr": "OB", "BulkDataURI": "bulk/1"}
    content["0040A160"] = {"vr": "UT", "BulkDataURI": "bulk/2"}
    metadata = part(json.dumps([content]).encode(), JSON)
    octets = "application/octet-stream"
    bulk = (
        part(b"\x00\x01", octets, Content_Location="bulk/1"),
        part("für".encode(), octets, Content_Location="bulk/2"),
    )
    response = send(local, metadata, *bulk, form=JSON)
    assert response.status_code == 200, response.headers
    stored = json.loads(local.store.views.object(1).file.read_bytes())
    assert stored["00420011"] == {"vr": "OB", "InlineBinary": "AAE="}
    assert stored["0040A160"] == {"vr": "UT", "Value": ["für"]}
    assert len(local.kept()) == 1


def test_bulk_data_that_was_not_sent_is_told(local: Site) -> None:
    content = pydicom.dcmread(PRESENT).to_json_dict() | {"00420011": {"vr": "OB", "BulkDataURI": "bulk/1"}}
    response = send(local, part(json.dumps([content]).encode(), JSON), form=JSON)
    assert (response.status_code, reasons(response, "0008119A")) == (409, [0xC000])
    assert "bulk data" in response.headers["Warning"]
    assert not local.kept()


# ---- refused, one by one


def test_of_several_instances_those_that_are_none_are_told(local: Site) -> None:
    image = changed(PRESENT, SOPInstanceUID="1.2.3", SOPClassUID=CTImageStorage)
    response = send(local, part(b"%PDF-1.4 report"), part(PRESENT.read_bytes()), part(image))
    assert response.status_code == 202
    assert uids(response, "00081199") == [PRESENT_UID]
    assert (uids(response, "00081198"), reasons(response)) == (["1.2.3"], [0x0122])
    assert reasons(response, "0008119A") == [0xC000]
    assert "PDF" in response.headers["Warning"]
    assert len(local.kept()) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", 0xC000), (b"hello", 0xC000), (PRESENT.read_bytes()[:200], 0xC000), (b"{}", 0xC000)],
    ids=["empty", "text", "cut off", "json"],
)
def test_what_is_no_instance_is_refused(local: Site, content: bytes, reason: int) -> None:
    response = send(local, part(content))
    assert (response.status_code, reasons(response, "0008119A")) == (409, [reason])
    assert not local.kept()


def test_an_instance_of_another_study_is_refused(local: Site) -> None:
    other = changed(PRESENT, SOPInstanceUID="1.2.4", StudyInstanceUID="1.2.5")
    response = send(local, part(PRESENT.read_bytes()), part(other), to=f"/{STUDY}")
    assert response.status_code == 202
    assert uids(response, "00081199") == [PRESENT_UID]
    assert (uids(response, "00081198"), reasons(response)) == (["1.2.4"], [0xA900])


def test_no_message_holds_what_the_document_says(local: Site) -> None:
    named = changed(PRESENT, SOPClassUID=CTImageStorage, PatientName="Doe^Jane")
    assert "Doe" not in (response := send(local, part(named))).text + str(response.headers)


# ---- refused as a whole


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"Content-Type": "application/json"}, 415, "multipart/related"),
        ({"Content-Type": ""}, 415, "multipart/related"),
        ({"Content-Type": 'multipart/related; type="application/dicom+xml"; boundary=x'}, 415, "dicom+json"),
        ({"Content-Type": 'multipart/related; type="application/dicom"'}, 400, "boundary"),
        ({"Content-Type": f"multipart/related; boundary={'x' * 300}"}, 400, "boundary"),
        ({"Content-Type": "multipart/related; boundary=other"}, 400, "boundary"),
        ({"Content-Type": DICOM, "Content-Encoding": "gzip"}, 415, "Content-Encoding"),
        ({"Content-Type": DICOM, "Accept": "application/dicom+xml"}, 406, "dicom+json"),
    ],
)
def test_a_request_that_is_none_is_refused(
    local: Site, headers: dict[str, str], status: int, words: str
) -> None:
    body, _ = related(part(PRESENT.read_bytes()))
    response = requests.post(local.stow, data=body, headers=headers, timeout=30)
    assert (response.status_code, words in response.text) == (status, True), response.text
    assert not local.kept()


def test_a_response_that_may_be_anything_is_json(local: Site) -> None:
    body, headers = related(part(PRESENT.read_bytes()), Accept="text/html, */*;q=0.1")
    assert requests.post(local.stow, data=body, headers=headers, timeout=30).status_code == 200


def test_a_body_without_parts_is_refused(local: Site) -> None:
    response = send(local)
    assert (response.status_code, "no part" in response.text) == (400, True)


def test_what_is_too_large_is_refused_before_and_while_it_comes(tmp_path: Path) -> None:
    settings = WebSettings(port=0, stow=StowSettings(max_object=1000, max_body=10_000, max_parts=3))
    with site(tmp_path, settings) as running:
        assert send(running, part(b"x" * 20_000)).status_code == 413
        assert "Part 1" in send(running, part(b"x" * 2000)).text
        assert "parts" in send(running, *[part(b"x")] * 4).text
        body, headers = related(part(b"x" * 900), part(b"x" * 900), part(b"x" * 900), *[b"\r\n" * 4000])
        response = requests.post(running.stow, data=iter([body]), headers=headers, timeout=30)
        assert response.status_code == 413
        assert not running.kept()


def test_a_client_that_sends_on_hears_that_it_is_too_much(tmp_path: Path) -> None:
    settings = WebSettings(port=0, stow=StowSettings(max_object=1000))
    with site(tmp_path, settings) as running:
        response = send(running, part(b"x" * 20_000_000))
        assert (response.status_code, "Part 1" in response.text) == (413, True)
        assert not running.kept()


def test_other_methods_are_refused(local: Site) -> None:
    assert requests.get(local.stow, timeout=30).status_code == 405


# ---- faults


def raw(running: Site, head: str, body: bytes) -> socket.socket:
    """Send the head of a request and some of its body."""
    connection = socket.create_connection(("127.0.0.1", running.web.port), 30)
    connection.sendall(f"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode() + body)
    return connection


def answer(connection: socket.socket) -> bytes:
    """Read until the server closes."""
    received = b""
    connection.settimeout(30)
    while data := connection.recv(65536):
        received += data
    return received


def nothing_kept(running: Site) -> bool:
    for _ in range(200):
        if not running.kept():
            return True
        time.sleep(0.02)
    return False


BODY, HEADERS = related(part(PRESENT.read_bytes()))
TYPE = f"Content-Type: {HEADERS['Content-Type']}\r\n"


@pytest.mark.parametrize("cut", [0, 10, 100, 5000, len(BODY) - 5])
def test_a_body_that_is_cut_off_leaves_nothing(local: Site, cut: int) -> None:
    connection = raw(local, f"{TYPE}Content-Length: {len(BODY)}\r\n", BODY[:cut])
    time.sleep(0.1)
    connection.close()
    assert nothing_kept(local)
    assert not local.store.views.objects()
    assert send(local, part(PRESENT.read_bytes())).status_code == 200


def test_a_body_that_is_shorter_than_it_should_is_cut_off_by_its_boundary(local: Site) -> None:
    connection = raw(local, f"{TYPE}Content-Length: {len(BODY) - 20}\r\n", BODY[:-20])
    assert b"400" in (said := answer(connection)).split(b"\r\n")[0]
    assert b"No closing boundary" in said
    assert nothing_kept(local)


def test_a_body_that_states_more_than_comes_ends_by_the_time_limit(tmp_path: Path) -> None:
    settings = WebSettings(port=0, stow=StowSettings(idle_s=0.3))
    with site(tmp_path, settings) as running:
        connection = raw(running, f"{TYPE}Content-Length: {len(BODY) + 100}\r\n", BODY)
        assert b" 408 " in answer(connection).split(b"\r\n")[0]
        assert nothing_kept(running)
        assert not running.store.views.objects()


def test_a_client_that_drips_holds_no_place_for_ever(tmp_path: Path) -> None:
    settings = WebSettings(port=0, stow=StowSettings(idle_s=5, timeout_s=0.6, parallel=1))
    with site(tmp_path, settings) as running:
        connection = raw(running, f"{TYPE}Content-Length: {len(BODY)}\r\n", BODY[:100])
        time.sleep(0.1)
        taken = send(running, part(PRESENT.read_bytes()))
        assert (taken.status_code, taken.headers["Retry-After"]) == (503, "10")
        for byte in range(20):
            try:
                connection.sendall(BODY[100 + byte : 101 + byte])
            except OSError:
                break
            time.sleep(0.1)
        assert b" 408 " in answer(connection).split(b"\r\n")[0]
        assert send(running, part(PRESENT.read_bytes())).status_code == 200


def test_a_head_that_drips_is_cut(local: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "HEADERS_S", 0.5)
    connection = socket.create_connection(("127.0.0.1", local.web.port), 30)
    began = time.monotonic()
    closed = False
    for byte in b"POST / HTTP/1.1\r\nHost: localhost\r\n" * 10:
        try:
            connection.sendall(bytes([byte]))
            connection.settimeout(0.05)
            closed = connection.recv(1) == b""
        except TimeoutError:
            continue
        except OSError:
            closed = True
        if closed:
            break
    assert closed
    assert time.monotonic() - began < 5


def test_bytes_that_are_no_http_are_refused(local: Site) -> None:
    connection = socket.create_connection(("127.0.0.1", local.web.port), 30)
    connection.sendall(b"\x00\x01\x02 not http\r\n\r\n")
    assert b" 400 " in answer(connection)
    assert local.get("/health/live").status_code == 200


def test_a_disk_that_is_too_full_is_told_before_the_body(tmp_path: Path) -> None:
    with site(tmp_path, low_disk=shutil.disk_usage(tmp_path).total * 2) as running:
        response = send(running, part(PRESENT.read_bytes()))
        assert (response.status_code, response.headers["Retry-After"]) == (503, "10")
        assert "disk" in response.text
        assert not running.kept()


def test_a_disk_that_fails_in_the_middle_leaves_nothing(local: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Received, data: bytes, start: int, end: int) -> None:
        if self.parts[-1].size:
            raise OSError(errno.ENOSPC, "full")
        write(self, data, start, end)

    write = Received._data
    monkeypatch.setattr(Received, "_data", refuse)
    connection = raw(local, f"{TYPE}Content-Length: {len(BODY)}\r\n", BODY[:2000])
    time.sleep(0.2)
    connection.sendall(BODY[2000:])
    response = HTTPResponse(connection)
    response.begin()
    assert (response.status, b"No space left on device" in response.read()) == (503, True)
    assert nothing_kept(local)


def test_a_full_queue_takes_what_fits_and_refuses_the_rest(tmp_path: Path) -> None:
    with site(tmp_path, queue_limit=1) as running:
        first = send(running, part(PRESENT.read_bytes()))
        assert first.status_code == 200
        second = send(running, part(ABSENT.read_bytes()))
        assert (second.status_code, second.headers["Retry-After"]) == (503, "10")
        assert [row.sop_instance_uid for row in running.store.views.objects()] == [PRESENT_UID]
        assert len(running.kept()) == 1


def test_a_database_that_is_gone_is_told(local: Site) -> None:
    for file in local.store.incoming().parent.parent.glob("gateway.sqlite*"):
        file.unlink()
    response = send(local, part(PRESENT.read_bytes()))
    assert response.status_code == 503
    assert not local.kept()


def test_many_at_once_are_all_told_what_became_of_them(tmp_path: Path) -> None:
    """Each is stored, or is told 503 and kept nowhere."""
    told: list[tuple[str, int]] = []

    def one(number: int) -> None:
        uid = f"1.2.826.0.1.{number}"
        body, headers = related(part(changed(PRESENT, SOPInstanceUID=uid)))
        told.append((uid, requests.post(running.stow, data=body, headers=headers, timeout=60).status_code))

    settings = WebSettings(port=0, stow=StowSettings(parallel=4))
    with site(tmp_path, settings) as running:
        threads = [Thread(target=one, args=(number,)) for number in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {status for _, status in told} <= {200, 503}
        stored = {row.sop_instance_uid for row in running.store.views.objects(limit=100)}
        assert stored == {uid for uid, status in told if status == 200}
        assert len(stored) >= 4
        assert len(running.kept()) == len(stored)


def test_a_script_of_another_site_cannot_send(local: Site) -> None:
    """Its type is none that a browser sends across sites without asking, and we do not consent."""
    asked = requests.options(
        local.stow,
        headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"},
        timeout=30,
    )
    assert asked.status_code == 405
    assert "Access-Control-Allow-Origin" not in asked.headers


def test_classes_that_are_mapped_are_taken(local: Site) -> None:
    content = changed(PRESENT, SOPInstanceUID="1.2.9", SOPClassUID=ComprehensiveSRStorage)
    assert send(local, part(content)).status_code == 200
