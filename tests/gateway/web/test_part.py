"""The web server as a part of the gateway: start, stop, check, alarms, TLS."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sr2fhir.errors import Sr2FhirError, UsageError
from sr2fhir.gateway.store import Store
from sr2fhir.gateway.web import Web
from sr2fhir.gateway.web.settings import Login, WebSettings, WebTls

from tests.gateway.web.site import site, site_with_login


def tls_of(folder: Path, days: float = 90) -> WebTls:
    """Make a certificate of localhost that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(form))
    private = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return WebTls(folder / "certificate.pem", folder / "key.pem")


def test_it_serves_from_start_to_stop(tmp_path: Path) -> None:
    with Store(tmp_path / "gateway") as store:
        web = Web(WebSettings(port=0), store, list, list)
        web.start()
        assert requests.get(f"{web.url}/health/live", timeout=30).status_code == 200
        assert web.alarms() == []
        url = web.url
        web.stop(10)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{url}/health/live", timeout=5)
        web.stop(10)  # once more does nothing


def test_stop_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        connection = socket.create_connection(("127.0.0.1", running.web.port))
        connection.sendall(b"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n")
        connection.sendall(b"Content-Type: application/dicom\r\n\r\n")
        time.sleep(0.1)
        began = time.monotonic()
        running.web.stop(2)
        assert time.monotonic() - began < 5


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, Store(tmp_path / "gateway") as store:
        web = Web(WebSettings(port=other.getsockname()[1]), store, list, list)
        (check,) = web.check()
        assert not check.ok
        assert "Address already in use" in check.message
        assert check.message.count("127.0.0.1") == 1
        with pytest.raises(Sr2FhirError) as error:
            web.start()
    assert error.value.where == "web"
    assert "another address or port" in str(error.value.hint)


def test_an_address_that_is_not_of_this_machine_is_told(tmp_path: Path) -> None:
    settings = WebSettings(
        address="127.0.0.1.example.invalid", hosts=("a",), behind_proxy=True, login=Login(header="X-User")
    )
    with Store(tmp_path / "gateway") as store:
        assert not next(iter(Web(settings, store, list, list).check())).ok


def test_settings_that_are_not_safe_make_no_server(tmp_path: Path) -> None:
    with Store(tmp_path / "gateway") as store, pytest.raises(UsageError):
        Web(WebSettings(address="0.0.0.0"), store, list, list)


def test_with_a_certificate_it_speaks_tls_of_today_only(tmp_path: Path) -> None:
    tls = tls_of(tmp_path)
    with site(tmp_path, WebSettings(port=0, tls=tls)) as running:
        url = f"https://localhost:{running.web.port}"
        response = requests.get(url, verify=str(tls.certificate), timeout=30)
        assert response.status_code == 200
        assert "Secure" in response.headers["Set-Cookie"]
        assert all(check.ok for check in running.web.check())
        assert running.web.alarms() == []
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://localhost:{running.web.port}", timeout=30)


@pytest.mark.parametrize(("days", "words"), [(10, "expires on"), (-1, "has expired")])
def test_a_certificate_that_ends_soon_is_an_alarm(tmp_path: Path, days: float, words: str) -> None:
    with Store(tmp_path / "gateway") as store:
        web = Web(WebSettings(port=0, tls=tls_of(tmp_path, days)), store, list, list)
        (alarm,) = web.alarms()
        assert words in alarm.message
        assert [check.ok for check in web.check()] == [True, True, False]


def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    tls = tls_of(tmp_path)
    tls.key.write_text("no key")
    with Store(tmp_path / "gateway") as store:
        web = Web(WebSettings(port=0, tls=tls), store, list, list)
        assert [check.ok for check in web.check()] == [True, False, True]
        with pytest.raises(UsageError) as error:
            web.start()
    assert error.value.where == "web.tls"


def test_tokens_that_somebody_spoilt_are_an_alarm_and_let_nobody_in(tmp_path: Path) -> None:
    with site_with_login(tmp_path) as running:
        assert running.web.alarms() == []
        (tmp_path / "tokens").write_text("people everything")
        (alarm,) = running.web.alarms()
        assert "nobody can log in" in alarm.message
        assert running.get("/", headers=running.bearer("people")).status_code == 500


def test_it_is_reached_by_the_other_loopback_too(tmp_path: Path) -> None:
    with site(tmp_path, WebSettings(port=0, address="::1")) as running:
        assert running.get("/health/live").status_code == 200
        assert running.get("/").status_code == 200


def test_tokens_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    settings = WebSettings(port=0, login=Login(tokens_file=tmp_path / "none"))
    with Store(tmp_path / "gateway") as store:
        checks = list(Web(settings, store, list, list).check())
        assert [(check.what, check.ok) for check in checks][1:] == [("web: tokens file", False)]
        assert "gateway token" in str(checks[1].hint)
