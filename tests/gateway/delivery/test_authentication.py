"""Logging in at a server: what is sent, when a token is renewed, and what is told if there is none."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from sr2fhir.errors import UsageError
from sr2fhir.gateway import authentication
from sr2fhir.gateway.authentication import LogInError, LogInSettings, Secret, check_log_in, log_in_of
from sr2fhir.gateway.delivery.failures import ERRORS, SendError
from sr2fhir.http import Client, Tls

from tests.engines.fake_server import Server, answer, raw, serving

PEM = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
OK = answer(b"{}")
NO = answer(b"", 401)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("geheim\n")
    return file


def client(server: Server, settings: LogInSettings) -> Client:
    return Client("ehr", server.url, 5, errors=ERRORS, log_in=log_in_of(settings, server.url))


def sent(server: Server) -> list[str | None]:
    return [request.headers.get("authorization") for request in server.requests]


def test_basic(secret: Path) -> None:
    with serving(OK) as server:
        client(server, LogInSettings("basic", "gateway", Secret(secret))).get("/x")
    assert sent(server) == [f"Basic {base64.b64encode(b'gateway:geheim').decode()}"]


def test_a_token_of_a_file_is_read_anew_each_time(secret: Path) -> None:
    with serving(OK) as server:
        ehr = client(server, LogInSettings("bearer", secret=Secret(secret)))
        ehr.get("/x")
        secret.write_text("newer")
        ehr.get("/x")
    assert sent(server) == ["Bearer geheim", "Bearer newer"]


def test_a_token_that_was_refused_is_tried_again_only_if_there_is_another(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = LogInSettings("bearer", secret=Secret(secret))
    with serving(NO) as server:
        assert client(server, settings).get("/x").status == 401
    assert len(server.requests) == 1
    monkeypatch.setenv("TOKEN", "of the environment")
    with serving(OK) as server:
        client(server, LogInSettings("bearer", secret=Secret(env="TOKEN"))).get("/x")
    assert sent(server) == ["Bearer of the environment"]


def test_a_log_in_of_netrc_does_not_replace_ours(
    secret: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(OK) as server:
        url = server.url.replace("127.0.0.1", "127.0.0.1")
        ehr = Client("ehr", url, 5, log_in=log_in_of(LogInSettings("bearer", secret=Secret(secret)), url))
        ehr._is_local = False  # so that the environment is asked
        ehr.get("/x")
    assert sent(server) == ["Bearer geheim"]


def test_a_secret_that_is_not_there_is_told_by_its_place(tmp_path: Path) -> None:
    with serving(OK) as server, pytest.raises(LogInError, match=r"cannot be read \(No such file") as caught:
        client(server, LogInSettings("bearer", secret=Secret(tmp_path / "gone"))).get("/x")
    assert caught.value.where == str(tmp_path / "gone")
    with pytest.raises(LogInError, match="there is no secret") as unset:
        Secret(env="SR2FHIR_NOT_SET").read()
    assert unset.value.hint == "Set this variable for the gateway"
    assert server.requests == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (LogInSettings("basic", secret=Secret(env="X")), "basic needs user"),
        (LogInSettings("bearer"), "bearer needs secret_file"),
        (LogInSettings("client-credentials", secret=Secret(env="X")), "client-credentials needs client_id"),
    ],
)
def test_a_log_in_that_lacks_something_is_refused_at_once(settings: LogInSettings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_log_in(settings, "https://fhir.example")


def test_a_log_in_in_clear_is_refused() -> None:
    settings = LogInSettings("bearer", secret=Secret(env="X"))
    check_log_in(settings, "http://127.0.0.1:8080")
    check_log_in(LogInSettings(), "http://fhir.example")
    with pytest.raises(UsageError, match="in clear"):
        check_log_in(settings, "http://fhir.example")


# ---- SMART Backend Services


def key_file(folder: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Path:
    file = folder / "key.pem"
    file.write_bytes(key.private_bytes(*PEM))
    return file


def token(text: str, expires: int = 300) -> dict[str, object]:
    return {"access_token": text, "token_type": "bearer", "expires_in": expires}


def smart(file: Path, **more: str) -> LogInSettings:
    return LogInSettings("client-credentials", secret=Secret(file), client_id="gateway", **more)


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_a_token_is_asked_for_with_a_signed_jwt(tmp_path: Path, algorithm: str) -> None:
    key = (
        rsa.generate_private_key(65537, 2048)
        if algorithm == "RS384"
        else ec.generate_private_key(ec.SECP384R1())
    )
    with serving(answer(token("abc"))) as issuer:
        found = answer({"token_endpoint": f"{issuer.url}/token"})
        with serving(found, OK) as server:
            ehr = client(server, smart(key_file(tmp_path, key), key_id="k1"))
            ehr.get("/x")
            ehr.get("/y")
    assert [request.line.split()[1] for request in server.requests] == [
        "/.well-known/smart-configuration",
        "/x",
        "/y",
    ]
    assert sent(server)[1:] == ["Bearer abc", "Bearer abc"]
    (request,) = issuer.requests
    form = {name: value for name, (value,) in parse_qs(request.body.decode()).items()}
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form.pop("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assertion = form.pop("client_assertion")
    assert form == {"grant_type": "client_credentials", "scope": "system/*.cruds"}
    assert jwt.get_unverified_header(assertion) == {"alg": algorithm, "typ": "JWT", "kid": "k1"}
    claims = jwt.decode(assertion, key.public_key(), [algorithm], audience=f"{issuer.url}/token")
    assert (claims["iss"], claims["sub"]) == ("gateway", "gateway")
    assert 0 < claims["exp"] - datetime.now(UTC).timestamp() <= 300
    assert claims["jti"]


def test_a_token_is_renewed_before_it_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = key_file(tmp_path, ec.generate_private_key(ec.SECP384R1()))
    now = [1000.0]
    monkeypatch.setattr(authentication, "monotonic", lambda: now[0])
    with serving(answer(token("first")), answer(token("second"))) as issuer, serving(OK) as server:
        ehr = client(server, smart(file, token_url=f"{issuer.url}/token"))
        for seconds in (0, 239, 2):
            now[0] += seconds
            ehr.get("/x")
    assert sent(server) == ["Bearer first", "Bearer first", "Bearer second"]


def test_a_token_that_was_refused_is_renewed_once(tmp_path: Path) -> None:
    file = key_file(tmp_path, ec.generate_private_key(ec.SECP384R1()))
    with serving(answer(token("old")), answer(token("new"))) as issuer, serving(NO, OK, NO) as server:
        ehr = client(server, smart(file, token_url=issuer.url))
        assert ehr.get("/x").ok
        assert ehr.get("/x").status == 401
    assert sent(server) == ["Bearer old", "Bearer new", "Bearer new", "Bearer new"]
    assert len(issuer.requests) == 3


def test_an_issuer_that_refuses_is_told_with_its_code_and_nothing_else(tmp_path: Path) -> None:
    file = key_file(tmp_path, ec.generate_private_key(ec.SECP384R1()))
    said = {"error": "invalid_client", "error_description": "Smith^Jane"}
    with serving(answer(said, 400)) as issuer, serving(OK) as server, pytest.raises(LogInError) as caught:
        client(server, smart(file, token_url=issuer.url)).get("/x")
    assert caught.value.message.endswith("issues no token (status 400, invalid_client)")
    assert "Smith" not in str(caught.value)
    assert server.requests == []


def test_an_issuer_that_is_not_there_or_not_named(tmp_path: Path) -> None:
    file = key_file(tmp_path, ec.generate_private_key(ec.SECP384R1()))
    with serving(raw(b"")) as issuer, serving(OK) as server:
        with pytest.raises(LogInError, match="the connection broke"):
            client(server, smart(file, token_url=issuer.url)).get("/x")
        with pytest.raises(LogInError, match="does not say where tokens are issued"):
            client(server, smart(file)).get("/x")


def test_an_issuer_without_tls_is_sent_nothing(tmp_path: Path) -> None:
    file = key_file(tmp_path, ec.generate_private_key(ec.SECP384R1()))
    with (
        serving(answer({"token_endpoint": "http://issuer.example/token"})) as server,
        pytest.raises(LogInError, match="in clear"),
    ):
        client(server, smart(file)).get("/x")


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), None])
def test_a_key_that_smart_does_not_know(tmp_path: Path, key: ec.EllipticCurvePrivateKey | None) -> None:
    file = key_file(tmp_path, key) if key else tmp_path / "no.pem"
    if key is None:
        file.write_text("no key")
    with pytest.raises(LogInError, match="no key that SMART knows" if key else "this is no private key"):
        authentication.private_key(Secret(file))


# ---- TLS


def certificate(
    folder: Path,
    name: str,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    *,
    over: bool = False,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Make a certificate of an authority, or of what an authority vouches for."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=-1 if over else 1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((issuer[1] if issuer else key).public_key()),
            critical=False,
        )
        .add_extension(
            x509.KeyUsage(True, False, False, False, False, issuer is None, issuer is None, False, False),
            critical=True,
        )
    )
    signed = made.sign(issuer[1] if issuer else key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(key.private_bytes(*PEM))
    return signed, key


class Says(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None: ...


@contextmanager
def tls_server(folder: Path, name: str) -> Iterator[str]:
    """Serve with a certificate, and want one of the client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    context.load_verify_locations(folder / "authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with HTTPServer(("127.0.0.1", 0), Says) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    authority = certificate(tmp_path, "authority", None)
    certificate(tmp_path, "server", authority)
    certificate(tmp_path, "gateway", authority)
    certificate(tmp_path, "expired", authority, over=True)
    certificate(tmp_path, "other", None)
    return tmp_path


def over_tls(url: str, tls: Tls) -> int:
    return Client("ehr", url, 5, errors=ERRORS, tls=tls).get("/x").status


def test_both_sides_show_a_certificate(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Tls(certificates / "gateway.pem", certificates / "gateway.key", certificates / "authority.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "other.pem"))
    with tls_server(certificates, "server") as url:
        assert over_tls(url, own) == 200
        for without in (
            Tls(authority=own.authority),
            Tls(own.certificate, own.key, certificates / "other.pem"),
        ):
            with pytest.raises(SendError):
                over_tls(url, without)


def test_a_certificate_that_has_run_out(certificates: Path) -> None:
    own = Tls(certificates / "gateway.pem", certificates / "gateway.key", certificates / "authority.pem")
    with (
        tls_server(certificates, "expired") as url,
        pytest.raises(SendError, match="no trusted TLS connection"),
    ):
        over_tls(url, own)


def test_files_of_tls_that_are_not_there(certificates: Path) -> None:
    for tls in (Tls(authority=certificates / "gone.pem"), Tls(certificates / "gone.pem")):
        with pytest.raises(SendError, match="the files of TLS cannot be read"):
            over_tls("https://127.0.0.1:1", tls)
