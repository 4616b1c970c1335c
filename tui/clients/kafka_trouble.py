"""Why Kafka is not reached, in a sentence.

librdkafka's requests only say that time is up; the reason goes to its error callback.
"""

from __future__ import annotations

import re

from confluent_kafka import KafkaError

from tui.model.access import KafkaAccess

_NOISE = re.compile(r"^\S*(?:bootstrap|\d+): |sasl_\S+: | \(after \d+ms in state [^)]*\)|: \(after \d+ms.*$")
_BROKER = re.compile(r"(?:ssl|sasl_\w+|plaintext)?:?/*([^\s/]+:\d+)/(?:bootstrap|\d+)")


def sentence(access: KafkaAccess, error: KafkaError | None, timeout_s: float) -> str:
    """What to say where Kafka gave no answer in `timeout_s`; `error` is the last one of its connections."""
    where = f"Kafka at {access.bootstrap}"
    late = f"{where} did not answer within {timeout_s:g} s"
    if access.managed:
        return f"{late}: `lakehouse-tui status` tells more."
    if error is None:
        guess = (
            "" if access.encrypted else "; a broker that speaks TLS is silent to others, so check kafka_security too"
        )
        return f"{late}: check the address{guess}."
    return _by_code(access, where, error) or f"{late} ({reason(error)}): check the address, and that it runs."


def _by_code(access: KafkaAccess, where: str, error: KafkaError) -> str | None:
    text, code = reason(error), error.code()
    if "supported mechanisms" in text:
        return f"{where} does not offer SASL {access.mechanism} ({text}): check kafka_sasl and kafka_security."
    if code == KafkaError._AUTHENTICATION:
        return f"{where} refuses the user ({access.mechanism}): check kafka_username, kafka_password and kafka_sasl."
    if code == KafkaError._SSL:
        return _tls(where, text)
    if code == KafkaError._RESOLVE:
        return f"{where}: the name does not resolve ({text}): check the address."
    if "ApiVersion" in text or "Disconnected" in text:
        words = "expects no TLS or login" if access.encrypted or access.authenticated else "wants TLS or a login"
        return f"{where} closes the connection: it probably {words}; check kafka_security."
    if "Connection refused" in text:
        return f"{where} refuses the connection: check the address, and that it runs."
    return None


def _tls(where: str, text: str) -> str:
    if "certificate verify failed" in text or "self-signed" in text or "self signed" in text:
        return f"{where} has a certificate that is not trusted: name the PEM file of its authority in kafka_ca."
    if "hostname" in text.lower() or "IP address mismatch" in text:
        return f"{where} has a certificate for another name: use the name that it is made for."
    if "packet length too long" in text or "wrong version number" in text or "Disconnected" in text:
        return f"{where} does not speak TLS there: check the port and kafka_security."
    return f"{where} and this machine do not agree on TLS: {text}."


def reason(error: KafkaError) -> str:
    """The reason alone: without the broker's name in front of it and the connection's age behind it."""
    return _NOISE.sub("", _BROKER.sub("", error.str())).strip(" :.")
