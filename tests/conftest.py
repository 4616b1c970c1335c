"""Options that every test run knows."""

from __future__ import annotations

import pytest

from tui.settings import CHOICES


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--iceberg", default="1.7.0", choices=CHOICES["iceberg"], help="Iceberg set of the real stack")
    parser.addoption("--s3", default="s3proxy", choices=CHOICES["s3"], help="S3 server of the real stack")
