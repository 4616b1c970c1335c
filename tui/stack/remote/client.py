"""What Flink's client on this machine needs to reach a cluster: its home, trust, headers, and Kafka's properties."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tui.model.access import FlinkAccess, KafkaAccess, S3Access
from tui.stack.local import client_jvm, flink, spec
from tui.stack.local.layout import Layout, write_private
from tui.stack.provision import Provisioned
from tui.stack.remote import truststore
from tui.stack.s3a import core_site

HEADERS = "FLINK_REST_CLIENT_HEADERS"
"""Lines of `Name:value` that Flink's client adds to each request (FLIP-181, `RestClusterClient`)."""
_CIPHERS = (
    "TLS_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
)
"""Flink's own default, TLS_RSA_WITH_AES_128_CBC_SHA of TLS 1.2, is refused by today's servers."""
_SHADED = "org.apache.flink.kafka.shaded."
"""Where `flink-sql-connector-kafka` has Kafka's own classes."""
_MODULES = {"PLAIN": "plain.PlainLoginModule", "SCRAM": "scram.ScramLoginModule"}


def prepare(layout: Layout, found: Provisioned, access: FlinkAccess, s3: S3Access) -> tuple[str, dict[str, str]]:
    """Write the client's Flink home; the tables' options with the keys are readable by their owner only.

    Returns HOST:PORT of the REST server, and the settings of Flink's client that belong to it.
    """
    flink.lay_out(layout, found)
    conf = layout.flink_home / "conf"
    address, rest = _rest(access, layout, found)
    host, _, port = address.rpartition(":")
    values = {
        "env.java.opts.all": flink.java_options(found.pyflink),
        "execution.target": "remote",
        "rest.address": host,
        "rest.port": port,
        **rest,
    }
    write_private(conf / "config.yaml", "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items()))
    write_private(conf / "core-site.xml", core_site(s3, None))
    return address, rest


def environment(layout: Layout, cache: Path, found: Provisioned, access: FlinkAccess) -> dict[str, str]:
    """The client's variables: Flink's home, the headers for the REST server, and AWS's own."""
    lib = layout.flink_home / "lib"
    own = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    headers = "\n".join(f"{name}:{value}" for name, value in access.headers().items())
    extra = {
        **own,
        **flink.client_environment(layout, found),
        **client_jvm.environment(cache, found, lib),
        **({HEADERS: headers} if headers else {}),
    }
    return spec.environment(layout, extra)


def _rest(access: FlinkAccess, layout: Layout, found: Provisioned) -> tuple[str, dict[str, str]]:
    url = urlsplit(access.url)
    encrypted = url.scheme == "https"
    address = f"{url.hostname}:{url.port or (443 if encrypted else 80)}"
    settings = {"rest.path": url.path.rstrip("/")} if url.path.rstrip("/") else {}
    if encrypted:
        settings |= _trust(access, layout, found)
    return address, settings


def _trust(access: FlinkAccess, layout: Layout, found: Provisioned) -> dict[str, str]:
    path = layout.conf / "flink-truststore.jks"
    if not truststore.write(path, access.ca):
        path = found.java.home / "lib" / "security" / "cacerts"  # its password is the same
    return {
        "security.ssl.rest.enabled": "true",
        "security.ssl.protocol": "TLSv1.3,TLSv1.2",
        "security.ssl.algorithms": ",".join(_CIPHERS),
        "security.ssl.rest.truststore": str(path),
        "security.ssl.rest.truststore-password": truststore.PASSWORD,
    }


def kafka_properties(access: KafkaAccess) -> Mapping[str, str]:
    """`access` in the words of Kafka's Java client, as the job's source takes them; holds the password."""
    found: dict[str, str] = {}
    if access.security != "PLAINTEXT":
        found["security.protocol"] = access.security
    if access.encrypted and access.ca:
        found |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": truststore.pem(access.ca)}
    if access.authenticated:
        module = f"{_SHADED}org.apache.kafka.common.security.{_MODULES[access.mechanism.partition('-')[0]]}"
        user, password = _quoted(access.username), _quoted(access.password)
        found["sasl.mechanism"] = access.mechanism
        found["sasl.jaas.config"] = f"{module} required username={user} password={password};"
    return found


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_properties(layout: Layout, name: str, values: Mapping[str, str]) -> str:
    """Write `values` as JSON into the home's `conf` (mode 0600); returns the path."""
    path = layout.conf / name
    write_private(path, json.dumps(dict(values)))
    return str(path)
