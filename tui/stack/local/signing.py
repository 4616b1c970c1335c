"""AWS Signature Version 4 for requests without a body, after the AWS General Reference ("Signing AWS API requests")."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_REGION = "us-east-1"
_SERVICE = "s3"


def sign(
    method: str, host: str, path: str, query: str, access_key: str, secret_key: str, now: datetime
) -> dict[str, str]:
    """Headers that authenticate a body-less request; `path` and `query` must be encoded and sorted, `now` in UTC."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": _EMPTY_SHA256, "x-amz-date": stamp}
    names = ";".join(headers)
    canonical = "\n".join(
        [method, path, query, *(f"{name}:{value}" for name, value in headers.items()), "", names, _EMPTY_SHA256]
    )
    scope = f"{stamp[:8]}/{_REGION}/{_SERVICE}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    authorization = f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "Authorization": authorization}
