"""C-STORE and C-ECHO: what is taken, what is refused and how, and peers that break the rules."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydicom import dcmread
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from sr2fhir.documents import SOP_CLASSES
from sr2fhir.errors import UsageError
from sr2fhir.gateway.intake.dimse import Dimse, DimseSettings, Peer
from sr2fhir.gateway.intake.tls import TlsSettings
from sr2fhir.gateway.store import Store
from sr2fhir.threads import in_background

from tests import builders as b
from tests.databases import postgres, require_postgres, scratch
from tests.gateway.intake import kept, senders
from tests.gateway.intake.certificates import Authority
from tests.gateway.intake.senders import associated, data_set, dcmtk, rejection, store_request
from tests.gateway.intake.waiting import until

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
REPORT = b.measurement_report(b.text(b.FINDING, "nodule"))
ACCEPTED, REJECTED, ABORTED = 2, 3, 7


@contextmanager
def running(store: Store, **settings: Any) -> Iterator[Dimse]:
    part = Dimse(DimseSettings(**{"port": 0, **settings}), store)
    part.start()
    try:
        yield part
    finally:
        part.stop(2)


@pytest.fixture
def dimse(store: Store) -> Iterator[Dimse]:
    with running(store) as part:
        yield part


# ---- what is taken


def test_echo(dimse: Dimse) -> None:
    done = dcmtk("echoscu", "-aec", "SR2FHIR", "127.0.0.1", dimse.port)
    assert done.returncode == 0, done.stderr


def test_samples_of_several_writers_are_kept_as_they_were_sent(
    dimse: Dimse, folder: Path, samples: list[Path]
) -> None:
    reports = [path for path in samples if path.suffix == ".dcm"]
    done = dcmtk("storescu", "-R", "-aec", "SR2FHIR", "127.0.0.1", dimse.port, *reports)
    assert done.returncode == 0, done.stderr
    sent = {dcmread(path).SOPInstanceUID: dcmread(path) for path in reports}
    got = {dcmread(path).SOPInstanceUID: dcmread(path) for path in kept.objects(folder)}
    assert got == sent
    assert kept.incoming(folder) == []


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
def test_every_transfer_syntax_of_reports_is_kept(
    dimse: Dimse, folder: Path, tmp_path: Path, syntax: UID
) -> None:
    """PS3.5 Annex A: those without compressed pixel data."""
    little, file = tmp_path / "little.dcm", tmp_path / "report.dcm"
    little.write_bytes(b.encoded(REPORT))
    written = {
        DeflatedExplicitVRLittleEndian: "+td",
        ExplicitVRBigEndian: "+tb",
        ImplicitVRLittleEndian: "+ti",
    }
    assert dcmtk("dcmconv", written.get(syntax, "+te"), little, file).returncode == 0
    proposed = {
        DeflatedExplicitVRLittleEndian: "-xd",
        ExplicitVRBigEndian: "-xb",
        ImplicitVRLittleEndian: "-xi",
    }
    done = dcmtk(
        "storescu", proposed.get(syntax, "-xe"), "-R", "-aec", "SR2FHIR", "127.0.0.1", dimse.port, file
    )
    assert done.returncode == 0, done.stderr
    got = kept.only_object(folder)
    assert got.file_meta.TransferSyntaxUID == syntax
    assert got.ContentSequence == REPORT.ContentSequence


def test_key_objects_are_taken(dimse: Dimse, folder: Path) -> None:
    notes = b.key_objects(b.image("1.2.3"))
    with associated(dimse.port, sop_class=b.KEY_OBJECT_SELECTION) as association:
        response = store_request(association, data_set(notes), sop_class=b.KEY_OBJECT_SELECTION)
    assert response.Status == 0x0000
    assert kept.uids(folder) == [b.INSTANCE]


def test_the_same_object_twice_is_one(dimse: Dimse, folder: Path) -> None:
    with associated(dimse.port) as association:
        statuses = [store_request(association, data_set(REPORT)).Status for _ in range(2)]
    assert statuses == [0, 0]
    assert len(kept.objects(folder)) == 1


def test_what_is_taken_comes_from_the_types_of_documents() -> None:
    """PS3.6 Table A-1: the storage classes of SR, without those that are retired."""
    assert {b.COMPREHENSIVE_3D, b.KEY_OBJECT_SELECTION, "1.2.840.10008.5.1.4.1.1.88.11"} <= set(SOP_CLASSES)
    assert "1.2.840.10008.5.1.4.1.1.88.1" not in SOP_CLASSES


# ---- what is refused


def test_images_have_no_presentation_context(dimse: Dimse) -> None:
    with associated(dimse.port, sop_class=CT_IMAGE) as association:
        assert [context.abstract_syntax for context in association.accepted_contexts] == ["1.2.840.10008.1.1"]


def test_an_image_under_a_context_of_reports_is_0122(dimse: Dimse, folder: Path) -> None:
    with associated(dimse.port) as association:
        response = store_request(association, data_set(REPORT), sop_class=CT_IMAGE)
    assert response.Status == 0x0122
    assert kept.objects(folder) == kept.incoming(folder) == []


def test_what_is_not_dicom_is_c000_and_leaves_nothing(dimse: Dimse, folder: Path) -> None:
    with associated(dimse.port) as association:
        response = store_request(association, b"<html>this is a page</html>" * 20)
        assert response.Status == 0xC000
        assert response.ErrorComment
        assert store_request(association, data_set(REPORT)).Status == 0  # the association goes on
    assert len(kept.objects(folder)) == 1
    assert kept.incoming(folder) == []


def test_a_request_without_data_set_is_c000(dimse: Dimse) -> None:
    with associated(dimse.port) as association:
        assert store_request(association, None).Status == 0xC000


@pytest.mark.parametrize(
    ("sop_class", "uid"), [(b.COMPREHENSIVE_3D, "1.2.3"), (b.KEY_OBJECT_SELECTION, b.INSTANCE)]
)
def test_a_data_set_that_is_not_what_the_request_says_is_a900(
    dimse: Dimse, folder: Path, sop_class: str, uid: str
) -> None:
    """PS3.4 table B.2-1: Data Set does not match SOP Class."""
    with associated(dimse.port, sop_class=sop_class) as association:
        response = store_request(association, data_set(REPORT), sop_class=sop_class, uid=uid)
    assert response.Status == 0xA900
    assert kept.objects(folder) == []


def test_an_object_that_is_too_large_is_refused_and_leaves_nothing(store: Store, folder: Path) -> None:
    with running(store, max_object=2000) as part, associated(part.port) as association:
        large = b.measurement_report(b.text(b.FINDING, "x" * 5000))
        response = store_request(association, data_set(large))
    assert response.Status == 0xC001
    assert kept.objects(folder) == kept.incoming(folder) == []


def test_a_disk_below_the_watermark_is_a700_with_the_cause(tmp_path: Path) -> None:
    with Store(tmp_path / "gateway", low_disk=1 << 60) as store, running(store) as part:
        with associated(part.port) as association:
            response = store_request(association, data_set(REPORT))
        assert response.Status == 0xA700
        assert "MiB free" in response.ErrorComment
        assert len(response.ErrorComment) <= 64
        assert kept.objects(tmp_path / "gateway") == kept.incoming(tmp_path / "gateway") == []
        assert "MiB free" in part.alarms()[0].message


def test_an_alarm_goes_with_the_next_object_that_is_accepted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(store) as part, associated(part.port) as association:
        monkeypatch.setattr(store._accepting._files, "_low_disk", 1 << 60)
        assert store_request(association, data_set(REPORT)).Status == 0xA700
        monkeypatch.undo()
        assert store_request(association, data_set(REPORT)).Status == 0
        assert part.alarms() == []


def test_a_database_that_is_gone_is_a700(folder: Path) -> None:
    require_postgres()
    with scratch() as place:
        with postgres(place / "data") as url:
            store = Store(folder, database=url, low_disk=0)
            part = Dimse(DimseSettings(port=0), store)
            part.start()
            with associated(part.port) as association:
                assert store_request(association, data_set(REPORT)).Status == 0
            server = int((place / "data/data/postmaster.pid").read_text().split()[0])
            os.kill(server, signal.SIGQUIT)  # at once, whoever is connected
        other = b.measurement_report(b.text(b.FINDING, "other"), SOPInstanceUID="1.2.3")
        with associated(part.port) as association:
            response = store_request(association, data_set(other), uid="1.2.3")
        part.stop(2)
        store.close()
    assert response.Status == 0xA700
    assert kept.uids(folder) == [b.INSTANCE]
    assert kept.incoming(folder) == []


# ---- who may send


@pytest.mark.parametrize(
    ("allow", "titles", "reason"),
    [
        ((Peer(ae="PACS"),), {"calling": "OTHER"}, (1, 1, 3)),
        ((Peer(ae="PACS", address="10.0.0.0/8"),), {"calling": "PACS"}, (1, 1, 1)),
        ((Peer(address="127.0.0.0/8", ae="PACS"),), {"calling": "OTHER"}, (1, 1, 3)),
        ((), {"called": "ANOTHER"}, (1, 1, 7)),
    ],
)
def test_who_is_not_allowed_is_rejected_with_the_reason(
    store: Store, allow: tuple[Peer, ...], titles: dict[str, str], reason: tuple[int, int, int]
) -> None:
    """PS3.8 table 9-21."""
    with running(store, allow=allow) as part, associated(part.port, **titles) as association:
        assert rejection(association) == reason


def test_who_is_allowed_is_accepted(store: Store, folder: Path) -> None:
    allow = (Peer(ae="OTHER"), Peer(ae="PACS", address="127.0.0.1"))
    with running(store, allow=allow) as part, associated(part.port, calling="PACS") as association:
        assert store_request(association, data_set(REPORT)).Status == 0
    assert len(kept.objects(folder)) == 1


def test_two_hundred_associations_at_once(store: Store) -> None:
    """As many as may be are accepted; the others are told that it is temporary (PS3.8 table 9-21: 2, 3, 2)."""
    request = senders.request_pdu()
    with running(store, max_associations=10) as part:
        connections = [socket.create_connection(("127.0.0.1", part.port), 30) for _ in range(200)]
        for connection in connections:
            connection.sendall(request)
        heads = [connection.recv(10, socket.MSG_WAITALL) for connection in connections]
        kinds = [head[0] for head in heads]
        assert kinds.count(ACCEPTED) == 10
        assert kinds.count(REJECTED) == 190
        assert {tuple(head[7:10]) for head in heads if head[0] == REJECTED} == {(2, 3, 2)}
        for connection in connections:
            connection.close()
        until(lambda: not part._server.alive)
        with associated(part.port) as association:  # the places are free again
            assert store_request(association, data_set(REPORT)).Status == 0


# ---- peers that break the rules


def half_sent(port: int) -> socket.socket:
    """Send a C-STORE up to the middle of its data set."""
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.sendall(senders.request_pdu())
    head = connection.recv(6, socket.MSG_WAITALL)
    assert head[0] == ACCEPTED
    connection.recv(int.from_bytes(head[2:], "big"), socket.MSG_WAITALL)
    connection.sendall(pdata(1, 0x03, command()) + pdata(1, 0x00, data_set(REPORT)[:300]))
    return connection


def drip(connection: socket.socket, data: bytes) -> None:
    """Send one byte at a time: always alive, never done."""
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def command() -> bytes:
    """Return the command set of a C-STORE-RQ (PS3.7 table 9.3-1), implicit VR little endian."""

    def element(number: int, value: bytes) -> bytes:
        return struct.pack("<HHI", 0, number, len(value)) + value

    def uid(text: str) -> bytes:
        return text.encode() + b"\0" * (len(text) % 2)

    content = b"".join(
        [
            element(0x0002, uid(dcmread(senders.SAMPLE).SOPClassUID)),
            element(0x0100, b"\x01\x00"),
            element(0x0110, b"\x01\x00"),
            element(0x0700, b"\x00\x00"),
            element(0x0800, b"\x01\x00"),
            element(0x1000, uid(b.INSTANCE)),
        ]
    )
    return element(0x0000, struct.pack("<I", len(content))) + content


def pdata(context: int, control: int, data: bytes) -> bytes:
    """Return a P-DATA-TF PDU with one fragment (PS3.8 9.3.5)."""
    item = struct.pack(">IBB", len(data) + 2, context, control) + data
    return struct.pack(">BBI", 4, 0, len(item)) + item


@pytest.mark.parametrize(
    "last_words", [b"", bytes([ABORTED, 0, 0, 0, 0, 4, 0, 0, 0, 0]), b"\x04\x00\x00\x00"]
)
def test_a_store_that_breaks_off_leaves_nothing(dimse: Dimse, folder: Path, last_words: bytes) -> None:
    """The connection is closed, the association aborted, or a PDU is cut off."""
    connection = half_sent(dimse.port)
    until(lambda: len(kept.incoming(folder)) == 1)
    connection.sendall(last_words)
    connection.close()
    until(lambda: not dimse._server.alive)
    assert kept.incoming(folder) == kept.objects(folder) == []


def test_a_slow_peer_does_not_hold_a_place(store: Store, folder: Path) -> None:
    with running(store, max_associations=1, idle_s=1.0) as part:
        connection = half_sent(part.port)
        rest = pdata(1, 0x02, data_set(REPORT)[300:])
        started = time.monotonic()
        with pytest.raises(ConnectionError):
            drip(connection, rest[:100])
        assert time.monotonic() - started < 8
        until(lambda: not part._server.alive)
        assert kept.incoming(folder) == []
        with associated(part.port) as association:
            assert store_request(association, data_set(REPORT)).Status == 0


def test_who_connects_and_says_nothing_is_let_go(store: Store) -> None:
    with running(store, association_s=0.5, idle_s=1.0) as part:
        connection = socket.create_connection(("127.0.0.1", part.port), 10)
        assert connection.recv(1) == b""
        until(lambda: not part._server.alive)


@pytest.mark.parametrize(
    "bad",
    [
        b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n",
        struct.pack(">BBI", 4, 0, 0xFFFFFFFF) + b"\0" * (2 << 20),  # a PDU of four gigabytes
        struct.pack(">BBI", 1, 0, 0xFFFFFFFF) + b"\0" * (2 << 20),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a handshake of TLS
    ],
)
def test_what_is_no_association_is_closed(store: Store, bad: bytes) -> None:
    with running(store, association_s=1.0, idle_s=1.0) as part:
        connection = socket.create_connection(("127.0.0.1", part.port), 10)
        try:
            connection.sendall(bad)
            while connection.recv(1000):
                pass
        except ConnectionError:
            pass
        until(lambda: not part._server.alive)
        assert dcmtk("echoscu", "-aec", "SR2FHIR", "127.0.0.1", part.port).returncode == 0


@pytest.mark.parametrize(
    "bad",
    [
        pdata(1, 0x03, command()[:40]),
        pdata(77, 0x03, command()) + pdata(77, 0x02, b"\0" * 20),
        pdata(1, 0x03, command().replace(b"\x00\x10", b"\x30\x10")) + pdata(1, 0x02, b"\0" * 20),
    ],
)
def test_a_malformed_message_aborts_its_association_alone(dimse: Dimse, folder: Path, bad: bytes) -> None:
    with associated(dimse.port) as other:
        connection = half_sent(dimse.port)
        connection.sendall(pdata(1, 0x02, data_set(REPORT)[300:]) + bad)
        received = b""
        while piece := connection.recv(1000):
            received += piece
        assert bytes([ABORTED, 0, 0, 0, 0, 4]) in received
        assert store_request(other, data_set(REPORT)).Status == 0
    until(lambda: not dimse._server.alive)
    assert kept.incoming(folder) == []


def test_one_request_more_than_was_answered_is_borne(dimse: Dimse, folder: Path) -> None:
    connection = half_sent(dimse.port)
    whole = pdata(1, 0x03, command()) + pdata(1, 0x02, data_set(REPORT))
    connection.sendall(pdata(1, 0x02, data_set(REPORT)[300:]) + whole)
    received = b""
    while received.count(struct.pack("<HHIH", 0, 0x0900, 2, 0)) < 2:  # Status (0000,0900): success
        piece = connection.recv(1000)
        assert piece, "the connection was closed"
        received += piece
    assert len(kept.objects(folder)) == 1


def test_who_does_not_wait_for_responses_is_aborted(dimse: Dimse, folder: Path) -> None:
    """Without an asynchronous operations window there is one request at a time (PS3.7 D.3.3.3)."""
    connection = half_sent(dimse.port)
    rest = pdata(1, 0x02, data_set(REPORT)[300:])
    whole = pdata(1, 0x03, command()) + pdata(1, 0x02, data_set(REPORT))
    try:
        connection.sendall(rest + whole * 50)
        received = b""
        while piece := connection.recv(1000):
            received += piece
    except ConnectionError:
        pass
    until(lambda: not dimse._server.alive)
    assert kept.incoming(folder) == []


def test_stopping_lets_an_object_come_in(store: Store, folder: Path) -> None:
    part = Dimse(DimseSettings(port=0), store)
    part.start()
    connection = half_sent(part.port)
    until(lambda: len(kept.incoming(folder)) == 1)
    stopped = in_background(lambda: part.stop(10))
    time.sleep(0.3)
    assert not stopped.done()
    connection.sendall(pdata(1, 0x02, data_set(REPORT)[300:]))
    head = connection.recv(6, socket.MSG_WAITALL)
    assert head[0] == 4  # the response
    stopped.result(10)
    assert len(kept.objects(folder)) == 1


def test_stopping_does_not_wait_for_ever(store: Store, folder: Path) -> None:
    part = Dimse(DimseSettings(port=0), store)
    part.start()
    connection = half_sent(part.port)
    until(lambda: len(kept.incoming(folder)) == 1)
    started = time.monotonic()
    part.stop(0.5)
    assert time.monotonic() - started < 3
    until(lambda: kept.incoming(folder) == [])
    connection.close()


@pytest.mark.slow
def test_a_large_object_takes_little_memory(dimse: Dimse, folder: Path, tmp_path: Path) -> None:
    """It is written to disk while it comes in: 200 MB take less than 40 MB of memory."""
    report = b.measurement_report(b.text(b.FINDING, "x"))
    report.ContentSequence[0].add_new(0x7FE11010, "OB", bytes(200_000_000))
    file = tmp_path / "large.dcm"
    report.save_as(file)
    del report
    process = psutil.Process()
    before = most = process.memory_info().rss
    sender = senders.begun("storescu", "-xe", "-R", "-aec", "SR2FHIR", "127.0.0.1", dimse.port, file)
    while sender.poll() is None:
        most = max(most, process.memory_info().rss)
        time.sleep(0.02)
    assert sender.returncode == 0
    assert kept.objects(folder)[0].stat().st_size > 200_000_000
    assert most - before < 40_000_000


# ---- TLS


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def tls_settings(authority: Authority, **others: Any) -> TlsSettings:
    return TlsSettings(*authority.sign("gateway"), authority=authority.file, **others)


def client_context(authority: Authority, name: str | None = "sender") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if name:
        context.load_cert_chain(*authority.sign(name))
    return context


def test_a_sender_with_a_certificate_is_accepted(store: Store, folder: Path, authority: Authority) -> None:
    with running(store, tls=tls_settings(authority)) as part:
        with associated(part.port, tls=(client_context(authority), "localhost")) as association:
            assert store_request(association, data_set(REPORT)).Status == 0
        sender = authority.sign("dcmtk")
        options = ["+tls", sender.key, sender.certificate, "+cf", authority.file]
        done = dcmtk("echoscu", *options, "-aec", "SR2FHIR", "127.0.0.1", part.port)
        assert done.returncode == 0, done.stderr
    assert len(kept.objects(folder)) == 1


@pytest.mark.parametrize("whose", ["none", "of another authority", "expired"])
def test_a_sender_without_a_valid_certificate_is_not(
    store: Store, authority: Authority, tmp_path: Path, whose: str
) -> None:
    context = client_context(authority, None)
    if whose == "expired":
        context.load_cert_chain(*authority.sign("old", days=-1))
    elif whose != "none":
        context.load_cert_chain(*Authority(tmp_path, "other").sign("stranger"))
    secure = tls_settings(authority)
    with running(store, tls=secure) as part, associated(part.port, tls=(context, "localhost")) as association:
        assert not association.is_established


def test_a_handshake_that_does_not_come_keeps_nobody_waiting(store: Store, authority: Authority) -> None:
    with running(store, tls=tls_settings(authority), association_s=1.0) as part:
        silent = socket.create_connection(("127.0.0.1", part.port), 10)
        started = time.monotonic()
        with associated(part.port, tls=(client_context(authority), "localhost")) as association:
            assert association.is_established
        assert time.monotonic() - started < 0.9
        assert silent.recv(1) == b""


# ---- settings and checks


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"ae_title": "A title that is too long"}, "intake.dimse.ae_title"),
        ({"ae_title": " "}, "intake.dimse.ae_title"),
        ({"address": "0.0.0.0"}, "intake.dimse.allow"),
        ({"allow": (Peer(address="pacs.example"),)}, "intake.dimse.allow"),
        ({"sop_classes": (CT_IMAGE,)}, "intake.dimse.sop_classes"),
    ],
)
def test_settings_that_cannot_be(store: Store, settings: dict[str, Any], where: str) -> None:
    with pytest.raises(UsageError) as caught:
        Dimse(DimseSettings(**settings), store)
    assert caught.value.where == where
    assert caught.value.hint


def test_other_addresses_may_be_listened_on_where_senders_are_named(
    store: Store, authority: Authority
) -> None:
    Dimse(DimseSettings(address="0.0.0.0", allow=(Peer(address="10.0.0.0/8"),)), store)
    Dimse(DimseSettings(address="0.0.0.0", tls=tls_settings(authority)), store)


def test_check_of_a_port(store: Store, dimse: Dimse) -> None:
    (taken,) = Dimse(DimseSettings(port=dimse.port), store).check()
    assert not taken.ok
    assert taken.hint
    (free,) = Dimse(DimseSettings(port=0), store).check()
    assert free.ok


@pytest.mark.parametrize(
    ("days", "ok", "word"), [(365, True, "until"), (10, True, "soon"), (-1, False, "expired")]
)
def test_check_of_a_certificate(store: Store, authority: Authority, days: int, ok: bool, word: str) -> None:
    tls = TlsSettings(*authority.sign("gateway", days=days), authority=authority.file)
    checks = list(Dimse(DimseSettings(port=0, tls=tls), store).check())
    assert [check.ok for check in checks] == [ok, True, True]
    assert word in checks[0].message


def test_check_of_a_key_that_does_not_fit(store: Store, authority: Authority) -> None:
    tls = TlsSettings(authority.sign("gateway").certificate, authority.sign("other").key)
    checks = list(Dimse(DimseSettings(port=0, tls=tls), store).check())
    assert not checks[0].ok
    assert "other.key" in checks[0].what


def test_no_patient_data_in_logs(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with running(store) as part, associated(part.port) as association:
        store_request(association, data_set(REPORT))
        store_request(association, data_set(REPORT), uid="1.2.3")
    assert "PID-1" not in caplog.text
    assert "Doe" not in caplog.text
