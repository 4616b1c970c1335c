"""Reads Iceberg tables that Flink writes: metadata, merge-on-read rows, candles and audits."""
