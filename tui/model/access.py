"""How each service is reached: addresses, trust and credentials; secrets are never part of a `repr`."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """Brokers of one Kafka. `bootstrap` is HOST:PORT[,HOST:PORT…], `ca` the path of a PEM file (empty: the system's).

    `security` and `mechanism` have Kafka's own names; `managed` says whether `lakehouse-tui up` starts it.
    """

    bootstrap: str
    security: str = "PLAINTEXT"
    mechanism: str = ""
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ca: str = ""
    managed: bool = True

    @property
    def encrypted(self) -> bool:
        """Whether the brokers speak TLS."""
        return self.security.endswith("SSL")

    @property
    def authenticated(self) -> bool:
        """Whether they ask for a user."""
        return self.security.startswith("SASL")

    def properties(self) -> Mapping[str, str]:
        """The same in librdkafka's words (its CONFIGURATION.md); holds the password."""
        found = {"bootstrap.servers": self.bootstrap}
        if self.security != "PLAINTEXT":
            found["security.protocol"] = self.security
        if self.encrypted and self.ca:
            found["ssl.ca.location"] = self.ca
        if self.authenticated:
            found |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password,
            }
        return found


@dataclass(frozen=True, slots=True)
class FlinkAccess:
    """The REST interface of one Flink: http(s)://HOST:PORT[/PATH], with a user or a token where it wants one."""

    url: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca: str = ""
    managed: bool = True

    def headers(self) -> Mapping[str, str]:
        """What every request carries for the sake of the server's guard: basic (RFC 7617) or bearer (RFC 6750)."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self.username:
            pair = f"{self.username}:{self.password}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {}


@dataclass(frozen=True, slots=True)
class S3Access:
    """An object store; without `endpoint` it is AWS, without keys whatever AWS's own chain of providers finds."""

    endpoint: str = ""
    region: str = "us-east-1"
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    managed: bool = True
