"""The table [remote]: its layers, secrets that are refused in the file and never show, a sentence for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui import bootstrap
from tui.model.errors import UsageError
from tui.model.remote import SECRETS
from tui.settings import Settings, load

GOOD = """
backend = "remote"
topic = "ticks"
[remote]
kafka = ["one:9092", "two:9093"]
flink = "https://flink.example:8081/path"
s3 = "https://s3.example"
"""
SECRET = "hunter2-hunter2"


def loaded(home: Path, text: str = GOOD, **env: str) -> Settings:
    (home / "lakehouse.toml").write_text(text)
    return load({}, {"LAKEHOUSE_HOME": str(home), **env})


def test_addresses_come_from_the_file_and_the_environment_wins(tmp_path: Path) -> None:
    found = loaded(tmp_path, LAKEHOUSE_REMOTE_FLINK="http://other:1")
    assert (found.kafka, found.flink, found.s3_endpoint) == (
        "one:9092,two:9093",
        "http://other:1",
        "https://s3.example",
    )
    assert found.kafka_access.properties() == {"bootstrap.servers": "one:9092,two:9093"}
    assert not found.kafka_access.managed
    assert found.topic == "ticks"


def test_the_table_counts_for_the_remote_backend_only(tmp_path: Path) -> None:
    found = loaded(tmp_path, GOOD.replace('"remote"', '"local"', 1))
    assert (found.kafka, found.flink) == ("127.0.0.1:9092", "http://127.0.0.1:8081")


def test_a_secret_comes_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\nnothing of this\n")
    by_file = loaded(tmp_path, GOOD + f'flink_token_file = "{tmp_path / "token"}"\n')
    assert by_file.flink_access.headers() == {"Authorization": f"Bearer {SECRET}"}
    by_variable = loaded(tmp_path, LAKEHOUSE_REMOTE_FLINK_TOKEN_FILE=str(tmp_path / "token"))
    assert by_variable.flink_access == by_file.flink_access
    text = GOOD + 'flink_token_file = "/none"\n'
    assert loaded(tmp_path, text, LAKEHOUSE_REMOTE_FLINK_TOKEN="direct").remote.flink_token == "direct"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_the_settings_file_is_refused_without_being_repeated(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as raised:
        loaded(tmp_path, GOOD + f'{name} = "{SECRET}"\n')
    assert f"{name} is a secret and must not be in this file" in str(raised.value)
    assert f"LAKEHOUSE_REMOTE_{name.upper()}" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_secrets_are_in_no_text_of_the_settings(tmp_path: Path) -> None:
    env = {f"LAKEHOUSE_REMOTE_{name.upper()}": f"{SECRET}-{name}" for name in SECRETS if name != "flink_token"}
    found = loaded(
        tmp_path,
        LAKEHOUSE_REMOTE_KAFKA_SECURITY="SASL_SSL",
        LAKEHOUSE_REMOTE_KAFKA_SASL="PLAIN",
        LAKEHOUSE_REMOTE_KAFKA_USERNAME="me",
        LAKEHOUSE_REMOTE_FLINK_USERNAME="me",
        **env,
    )
    assert set(found.remote.secrets()) == set(env.values())
    for value in (found, found.remote, found.kafka_access, found.flink_access, found.remote.s3_access()):
        assert SECRET not in repr(value)
        assert SECRET not in str(value)
    assert found.kafka_access.properties()["sasl.password"] == f"{SECRET}-kafka_password"


def test_a_recording_hides_every_secret_also_those_of_a_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aws").write_text("[lab]\naws_access_key_id = AKIALAB\naws_secret_access_key = profile-secret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    found = loaded(tmp_path, LAKEHOUSE_REMOTE_FLINK_TOKEN=SECRET, LAKEHOUSE_REMOTE_S3_PROFILE="lab")
    hidden = bootstrap._hidden(found)
    assert {hidden.get(text) for text in (SECRET, "AKIALAB", "profile-secret")} == {"•••"}
    gone = loaded(tmp_path, LAKEHOUSE_REMOTE_FLINK_TOKEN=SECRET, LAKEHOUSE_REMOTE_S3_PROFILE="nobody")
    assert bootstrap._hidden(gone)[SECRET] == "•••"


SASL = {"KAFKA_SECURITY": "SASL_SSL", "KAFKA_SASL": "PLAIN", "KAFKA_USERNAME": "u", "KAFKA_PASSWORD": "p"}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"KAFKA": ""}, "needs the address of Kafka: set kafka in [remote]"),
        ({"FLINK": ""}, "needs the address of Flink: set flink in [remote]"),
        ({"KAFKA": "one"}, "kafka in [remote] must be HOST:PORT"),
        ({"KAFKA": "one:1,"}, "kafka in [remote] must be HOST:PORT"),
        ({"FLINK": "flink:8081"}, "flink in [remote] must be http(s)://HOST:PORT"),
        ({"FLINK": "http://h:99999"}, "flink in [remote] must be http(s)://HOST:PORT"),
        ({"FLINK": "https://me:pw@flink:8081"}, "flink in [remote] holds a user or password"),
        ({"S3": "s3.example"}, "s3 in [remote] must be http(s)://HOST:PORT"),
        ({"S3": "https://me:pw@s3"}, "s3 in [remote] holds a user or password"),
        ({"KAFKA_SECURITY": "TLS"}, "kafka_security must be one of PLAINTEXT, SSL"),
        ({"KAFKA_USERNAME": "me"}, "need a kafka_security of SASL_SSL or SASL_PLAINTEXT"),
        ({**SASL, "KAFKA_SASL": "GSSAPI"}, "kafka_sasl must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
        ({**SASL, "KAFKA_PASSWORD": ""}, "the password in LAKEHOUSE_REMOTE_KAFKA_PASSWORD"),
        ({"FLINK_TOKEN": "t", "FLINK_USERNAME": "u"}, "one of them is enough"),
        ({"S3_ACCESS_KEY": "k"}, "both of s3_access_key and s3_secret_key"),
        ({"CHECKPOINT_DIR": "hdfs://n/x"}, "checkpoint_dir in [remote] must be s3a://BUCKET/PATH or file:///PATH"),
        ({"SAVEPOINT_DIR": "s3a://bucket"}, "savepoint_dir in [remote] must be s3a://BUCKET/PATH"),
        ({"KAFKA_CA": "/none.pem"}, "kafka_ca in [remote] names /none.pem, which does not exist"),
        ({"KAFKA_PASSWORD_FILE": "/none"}, "kafka_password_file names /none, which cannot be read"),
    ],
)
def test_each_mistake_has_a_sentence(tmp_path: Path, values: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        loaded(tmp_path, **{f"LAKEHOUSE_REMOTE_{name}": value for name, value in values.items()})
    assert sentence in str(raised.value)
    assert "pw" not in str(raised.value)


def test_an_unknown_key_and_a_table_that_is_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no setting 'kafka_pasword' in \[remote\]"):
        loaded(tmp_path, GOOD + f'kafka_pasword = "{SECRET}"\n')
    with pytest.raises(UsageError, match="remote must be a table"):
        loaded(tmp_path, 'backend = "remote"\nremote = "kafka:9092"\n')
    with pytest.raises(UsageError, match="warehouse must be s3a://BUCKET/PATH with the remote backend"):
        loaded(tmp_path, 'warehouse = "hdfs://x/y"\n' + GOOD)


def test_an_empty_secret_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(UsageError, match=r"flink_token_file names .*empty, which is empty"):
        loaded(tmp_path, LAKEHOUSE_REMOTE_FLINK_TOKEN_FILE=str(tmp_path / "empty"))
