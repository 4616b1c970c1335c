"""The home's own random credentials, made once."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tui.model.access import S3Access
from tui.model.errors import LakehouseError
from tui.settings import Settings
from tui.stack.local.layout import Layout, write_private


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Keys of the S3 server and the supervisor's password; never printed."""

    s3_access_key: str
    s3_secret_key: str
    supervisor_password: str


def path(layout: Layout) -> Path:
    """The file that holds them (mode 0600)."""
    return layout.conf / "credentials.json"


def load(layout: Layout) -> Credentials | None:
    """The home's credentials, or `None` before its first `up`; raises `LakehouseError` if the file is damaged."""
    file = path(layout)
    try:
        return _checked(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        raise LakehouseError(f"{file} cannot be read; delete it and run `lakehouse-tui up` again.") from None


def _checked(found: Any) -> Credentials:
    if not all(isinstance(secret, str) and secret for secret in found.values()):
        raise TypeError("a secret is no text")
    return Credentials(**found)


def ensure(layout: Layout) -> Credentials:
    """The home's credentials, made now if there are none."""
    known = load(layout)
    if known is None:
        known = Credentials(
            s3_access_key=f"lake{secrets.token_hex(8)}",
            s3_secret_key=secrets.token_hex(20),
            supervisor_password=secrets.token_hex(16),
        )
        write_private(path(layout), json.dumps(asdict(known)))
    return known


def s3_access(settings: Settings) -> S3Access | None:
    """How the home's own S3 server is reached; `None` before the first `up`."""
    keys = load(Layout(settings.home))
    if keys is None:
        return None
    return S3Access(settings.s3_endpoint, access_key=keys.s3_access_key, secret_key=keys.s3_secret_key)


def adopt(layout: Layout, s3_access_key: str, s3_secret_key: str) -> Credentials:
    """Take over the keys of an S3 server that somebody else has started."""
    known = replace(ensure(layout), s3_access_key=s3_access_key, s3_secret_key=s3_secret_key)
    write_private(path(layout), json.dumps(asdict(known)))
    return known
