"""A Java key store with nothing but trusted certificates, written without Java.

The format is Sun's JKS, version 2 (`sun.security.provider.JavaKeyStore`): Java 17 opens it under its default type as
well (`keystore.type.compat`). Its password guards nothing but against damage: certificates are public.
"""

from __future__ import annotations

import hashlib
import ssl
import struct
from collections.abc import Sequence
from pathlib import Path

from tui.clients.flink_rest import tls_context

PASSWORD = "changeit"  # noqa: S105 - Java's own, for what is public
_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
_SALT = b"Mighty Aphrodite"


def write(path: Path, ca: str) -> bool:
    """Write the authorities of the PEM file `ca`, or the system's, to `path`; `False` where the system names none."""
    certificates = tls_context(ca).get_ca_certs(binary_form=True)
    if not certificates:
        return False
    path.write_bytes(store(certificates))
    return True


def store(certificates: Sequence[bytes]) -> bytes:
    """The key store of these DER certificates."""
    parts = [struct.pack(">III", _MAGIC, _VERSION, len(certificates))]
    for number, certificate in enumerate(certificates):
        parts.append(struct.pack(">I", _TRUSTED) + _text(f"ca{number}") + struct.pack(">Q", 0))
        parts.append(_text("X.509") + struct.pack(">I", len(certificate)) + certificate)
    content = b"".join(parts)
    digest = hashlib.sha1(PASSWORD.encode("utf-16-be") + _SALT + content, usedforsecurity=False).digest()
    return content + digest


def _text(value: str) -> bytes:
    encoded = value.encode("ascii")
    return struct.pack(">H", len(encoded)) + encoded


def pem(ca: str) -> str:
    """The authorities of the PEM file, one after the other, without anything around them."""
    return "".join(map(ssl.DER_cert_to_PEM_cert, tls_context(ca).get_ca_certs(binary_form=True)))
