"""Reads Iceberg tables that Flink writes: metadata, merge-on-read rows, candles and audits."""

from tui.clients.lake.client import LakeClient

__all__ = ["LakeClient"]
