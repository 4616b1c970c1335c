"""The settings of a cluster that is already there."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.model.access import FlinkAccess, KafkaAccess, S3Access

SECURITIES = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
SECRETS = ("kafka_password", "flink_password", "flink_token", "s3_access_key", "s3_secret_key", "s3_session_token")
"""What comes from the environment or from a file of its own, never from the settings file."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Addresses and credentials, as the table `[remote]` of the settings file has them; empty is not set."""

    kafka: str = ""
    kafka_security: str = "PLAINTEXT"
    kafka_sasl: str = ""
    kafka_username: str = ""
    kafka_ca: str = ""
    flink: str = ""
    flink_username: str = ""
    flink_ca: str = ""
    s3: str = ""
    s3_region: str = "us-east-1"
    s3_profile: str = ""
    checkpoint_dir: str = ""
    savepoint_dir: str = ""
    kafka_password: str = field(default="", repr=False)
    flink_password: str = field(default="", repr=False)
    flink_token: str = field(default="", repr=False)
    s3_access_key: str = field(default="", repr=False)
    s3_secret_key: str = field(default="", repr=False)
    s3_session_token: str = field(default="", repr=False)

    def secrets(self) -> tuple[str, ...]:
        """Every secret that is set."""
        return tuple(value for name in SECRETS if (value := getattr(self, name)))

    def kafka_access(self) -> KafkaAccess:
        """How Kafka is reached."""
        return KafkaAccess(
            self.kafka,
            self.kafka_security,
            self.kafka_sasl,
            self.kafka_username,
            self.kafka_password,
            self.kafka_ca,
            managed=False,
        )

    def flink_access(self) -> FlinkAccess:
        """How Flink's REST interface is reached."""
        return FlinkAccess(
            self.flink, self.flink_username, self.flink_password, self.flink_token, self.flink_ca, managed=False
        )

    def s3_access(self) -> S3Access:
        """How the object store is reached; a profile is looked up by `tui.stack.remote.aws`."""
        return S3Access(
            self.s3, self.s3_region, self.s3_access_key, self.s3_secret_key, self.s3_session_token, managed=False
        )
