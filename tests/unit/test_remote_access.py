"""The way to a guarded cluster: TLS by a real server's certificate, users and tokens, trust for Java, AWS profiles."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from tests.flink_server import Flink
from tests.guarded import Authority, Guard
from tui.clients import kafka_trouble
from tui.clients.flink_rest import FlinkRest
from tui.model.access import FlinkAccess, KafkaAccess, S3Access
from tui.model.errors import LakehouseError, UnavailableError
from tui.model.remote import Remote
from tui.stack import s3a
from tui.stack.local import submission
from tui.stack.local.layout import Layout
from tui.stack.remote import aws, client, doctor, truststore

BASIC = f"Basic {base64.b64encode('me:sécret:x'.encode()).decode()}"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def flink() -> Iterator[Flink]:
    server = Flink()
    server.on("/overview", {"flink-version": "1.19.3"})
    yield server
    server.close()


@pytest.fixture
def guard(flink: Flink, authority: Authority) -> Iterator[Guard]:
    found = Guard(flink.url, authority.server_context(), BASIC, prefix="/flink")
    yield found
    found.close()


def ask(guard: Guard, access: FlinkAccess) -> object:
    return FlinkRest(replace(access, url=guard.url, managed=False), 5.0).get("/overview")


def test_a_user_behind_tls_and_a_path_is_let_in(guard: Guard, authority: Authority) -> None:
    access = FlinkAccess("", "me", "sécret:x", ca=str(authority.ca))
    assert ask(guard, access) == {"flink-version": "1.19.3"}
    assert guard.seen == [(200, "GET /flink/overview")]


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        ({}, "says 401: it wants a user or a token; set flink_username or flink_token."),
        ({"username": "me", "password": "wrong"}, "does not accept the user; check flink_username and flink_password."),
        ({"token": "wrong"}, "says 401: it does not accept the token; check flink_token."),
    ],
)
def test_401_says_which_setting_to_look_at(
    guard: Guard, authority: Authority, user: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UnavailableError) as raised:
        ask(guard, FlinkAccess("", ca=str(authority.ca), **user))
    assert str(raised.value).endswith(sentence)
    assert "wrong" not in str(raised.value)


def test_403_says_that_the_user_may_not(guard: Guard, authority: Authority) -> None:
    guard.forbidden = True
    with pytest.raises(UnavailableError, match="403, forbidden: the user or token is known but may not do this"):
        ask(guard, FlinkAccess("", "me", "sécret:x", ca=str(authority.ca)))


def test_a_bearer_token_is_sent(flink: Flink, authority: Authority) -> None:
    guard = Guard(flink.url, authority.server_context(), "Bearer t0ken")
    try:
        assert ask(guard, FlinkAccess("", token="t0ken", ca=str(authority.ca))) == {"flink-version": "1.19.3"}
    finally:
        guard.close()


def test_a_certificate_that_nobody_vouches_for_is_said(guard: Guard, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for ca in ("", str(Authority(tmp_path / "other").ca)):
        with pytest.raises(
            UnavailableError, match=r"certificate that is not trusted .*: name the PEM file .* flink_ca"
        ):
            ask(guard, FlinkAccess("", ca=ca))


def test_a_certificate_for_another_name_is_said(flink: Flink, authority: Authority) -> None:
    guard = Guard(flink.url, authority.server_context("other.example"), BASIC)
    try:
        with pytest.raises(UnavailableError, match="has a certificate for another name"):
            ask(guard, FlinkAccess("", ca=str(authority.ca)))
    finally:
        guard.close()


def test_a_server_without_tls_and_a_file_without_certificate_are_said(flink: Flink, tmp_path: Path) -> None:
    url = flink.url.replace("http:", "https:")
    with pytest.raises(UnavailableError, match="does not speak TLS there: check the port, or use http://"):
        FlinkRest(FlinkAccess(url, managed=False), 5.0).get("/overview")
    (tmp_path / "no.pem").write_text("nothing")
    with pytest.raises(UnavailableError, match=r"no\.pem cannot be used: it holds no certificate in PEM"):
        FlinkRest(FlinkAccess(url, ca=str(tmp_path / "no.pem")), 5.0).get("/overview")


# --- doctor's look at one address


def test_an_address_is_looked_at_step_by_step(guard: Guard, flink: Flink, authority: Authority) -> None:
    port = int(guard.url.split(":")[2].partition("/")[0])
    trusting, strict = ssl.create_default_context(cafile=str(authority.ca)), ssl.create_default_context()
    good = doctor.connection("x", "127.0.0.1", port, trusting, "flink_ca")
    assert (good.ok, good.actual) == (True, f"127.0.0.1:{port} answers, TLSv1.3")
    untrusted = doctor.connection("x", "127.0.0.1", port, strict, "flink_ca")
    assert (untrusted.ok, untrusted.actual) == (False, "no trusted TLS")
    assert "flink_ca" in untrusted.detail
    plain = doctor.connection("x", "127.0.0.1", int(flink.url.split(":")[2]), trusting, "flink_ca")
    assert (plain.ok, "does not speak TLS" in plain.detail) == (False, True)
    refused = doctor.connection("x", "127.0.0.1", 1, None, None)
    assert (refused.ok, refused.actual) == (False, "refused")
    unknown = doctor.connection("x", "no-such-host.invalid", 1, None, None)
    assert (unknown.ok, unknown.actual) == (False, "unknown name")


# --- Kafka's reasons


@pytest.mark.parametrize(
    ("code", "said", "sentence"),
    [
        (
            KafkaError._AUTHENTICATION,
            "sasl_ssl://k:1/bootstrap: SASL authentication error: no",
            "refuses the user (PLAIN)",
        ),
        (KafkaError._SSL, "ssl://k:1/bootstrap: SSL handshake failed: certificate verify failed: x", "in kafka_ca"),
        (KafkaError._RESOLVE, "k:1/bootstrap: Failed to resolve 'k:1': Name or service not known", "does not resolve"),
        (
            KafkaError._TRANSPORT,
            "k:1/bootstrap: Connect to ipv4#1.2.3.4:1 failed: Connection refused",
            "refuses the conn",
        ),
        (KafkaError._TRANSPORT, "k:1/bootstrap: Disconnected while requesting ApiVersion", "check kafka_security"),
        (
            KafkaError._AUTHENTICATION,
            "sasl_ssl://k:1/bootstrap: SASL PLAIN mechanism handshake failed: broker's supported mechanisms: GSSAPI",
            "does not offer SASL PLAIN",
        ),
    ],
)
def test_what_librdkafka_says_becomes_a_sentence_without_its_noise(code: int, said: str, sentence: str) -> None:
    access = KafkaAccess("k:1", "SASL_SSL", "PLAIN", "me", "hunter2", managed=False)
    text = kafka_trouble.sentence(access, KafkaError(code, said), 3.0)
    assert sentence in text
    assert "/bootstrap" not in text
    assert "hunter2" not in text


def test_silence_is_told_apart_by_what_was_asked_for() -> None:
    plain = kafka_trouble.sentence(KafkaAccess("k:1", managed=False), None, 3.0)
    assert "silent to others, so check kafka_security too" in plain
    ours = kafka_trouble.sentence(KafkaAccess("k:1"), None, 3.0)
    assert ours == "Kafka at k:1 did not answer within 3 s: `lakehouse-tui status` tells more."


# --- Java's side


def test_java_opens_the_trust_store(authority: Authority, tmp_path: Path) -> None:
    keytool = shutil.which("keytool")
    if keytool is None:
        pytest.skip("there is no keytool here to read it with")
    assert truststore.write(tmp_path / "trust.jks", str(authority.ca))
    command = [keytool, "-list", "-rfc", "-keystore", tmp_path / "trust.jks", "-storepass", truststore.PASSWORD]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert "trustedCertEntry" in listed
    assert "".join(authority.ca.read_text().split()[2:-2]) in "".join(listed.split())


def test_the_jobs_properties_quote_what_jaas_would_misread(authority: Authority) -> None:
    access = KafkaAccess("k:1", "SASL_SSL", "SCRAM-SHA-512", "me", 'a"b\\c', str(authority.ca))
    found = client.kafka_properties(access)
    assert found["sasl.jaas.config"].endswith(r'ScramLoginModule required username="me" password="a\"b\\c";')
    assert found["sasl.jaas.config"].startswith("org.apache.flink.kafka.shaded.org.apache.kafka.")
    assert found["ssl.truststore.certificates"].startswith("-----BEGIN CERTIFICATE-----")
    assert client.kafka_properties(KafkaAccess("k:1")) == {}


def test_properties_with_secrets_are_for_their_owner_only(tmp_path: Path) -> None:
    path = Path(client.write_properties(Layout(tmp_path), "x.json", {"a": "b"}))
    assert (path.stat().st_mode & 0o777, json.loads(path.read_text())) == (0o600, {"a": "b"})


def test_core_site_follows_the_access() -> None:
    aws_itself = s3a.core_site(S3Access(region="eu-west-1"), None)
    assert "fs.s3a.endpoint</name>" not in aws_itself
    assert "eu-west-1" in aws_itself
    assert "EnvironmentVariableCredentialsProvider" in aws_itself
    own = s3a.core_site(S3Access("https://s3:9000", "r", "k", "s&", "t"), Path("/tmp"))
    for name, value in {
        "endpoint": "https://s3:9000",
        "connection.ssl.enabled": "true",
        "path.style.access": "true",
        "secret.key": "s&amp;",
        "session.token": "t",
        "buffer.dir": "/tmp",
    }.items():
        assert f"<name>fs.s3a.{name}</name><value>{value}</value>" in own


def test_a_submissions_log_holds_no_secret(tmp_path: Path) -> None:
    log = tmp_path / "submit.log"
    command = ["sh", "-c", "echo it is hunter2; echo Job has been submitted with JobID " + "a" * 32]
    assert submission.run(command, {"PATH": "/usr/bin:/bin"}, log, lambda _: None, ("hunter2",)) == "a" * 32
    assert log.read_text().startswith("it is •••\n")
    with pytest.raises(LakehouseError) as raised:
        submission.run(
            ["sh", "-c", "echo hunter2; exit 1"], {"PATH": "/usr/bin:/bin"}, log, lambda _: None, ("hunter2",)
        )
    assert "•••" in str(raised.value)
    assert "hunter2" not in str(raised.value)


# --- AWS profiles


def profiles(folder: Path) -> dict[str, str]:
    (folder / "credentials").write_text(
        "[lab]\naws_access_key_id = A%\naws_secret_access_key = S\naws_session_token = T\n"
    )
    (folder / "config").write_text("[profile lab]\nregion = r\n[profile sso]\nsso_session = x\n")
    return {
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_CONFIG_FILE": str(folder / "config"),
        "HOME": str(folder),
    }


def test_keys_of_a_profile(tmp_path: Path) -> None:
    found = aws.access(Remote(s3_profile="lab"), profiles(tmp_path))
    assert (found.access_key, found.secret_key, found.session_token) == ("A%", "S", "T")
    assert aws.access(Remote(), profiles(tmp_path)).access_key == ""
    given = Remote(s3_profile="lab", s3_access_key="mine", s3_secret_key="s")
    assert aws.access(given, profiles(tmp_path)).access_key == "mine"


def test_a_profile_without_keys_or_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LakehouseError, match=r"The AWS profile 'sso' has no keys of its own: .*export-credentials"):
        aws.access(Remote(s3_profile="sso"), profiles(tmp_path))
    with pytest.raises(LakehouseError, match=r"There is no AWS profile 'none' in .*credentials or .*config"):
        aws.access(Remote(s3_profile="none"), profiles(tmp_path))
