"""A table's schema in words, from its metadata (specification, "Schemas" and "Partition Specs"; JSON in appendix C)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.model.iceberg import SchemaField, TableSchema

_ORDERED = ("string", "int", "long", "date", "timestamp", "timestamptz")


def integer(value: Any) -> int:
    """The value, which has to be a whole number; else `TypeError`."""
    if type(value) is not int:
        raise TypeError(f"{value!r:.40} is no whole number")
    return value


def text(value: Any) -> str:
    """The value, which has to be a text; else `TypeError`."""
    if type(value) is not str:
        raise TypeError(f"{value!r:.40} is no text")
    return value


def describe(document: Mapping[str, Any], schema: Mapping[str, Any], table: str) -> TableSchema:
    """The current `schema`, the partition specs and the default sort order of a metadata document."""
    keys = _keys(schema)
    names = {integer(f["id"]): text(f["name"]) for s in document["schemas"] for f in s["fields"]}
    names |= {f["id"]: f["name"] for f in schema["fields"]}
    default = document.get("default-spec-id", 0)
    specs = sorted(document["partition-specs"], key=lambda s: (s["spec-id"] != default, s["spec-id"]))
    order = next(
        (o for o in document.get("sort-orders") or () if o["order-id"] == document.get("default-sort-order-id")), None
    )
    return TableSchema(
        table=table,
        location=text(document["location"]),
        uuid=text(document["table-uuid"]),
        format_version=integer(document["format-version"]),
        schema_id=integer(schema["schema-id"]),
        fields=tuple(_field(f, keys) for f in schema["fields"]),
        partition_specs=tuple(_spec(s, names) for s in specs),
        sort_order=_order(order, names),
        properties=tuple(sorted((str(k), str(v)) for k, v in (document.get("properties") or {}).items())),
    )


def _field(field: Mapping[str, Any], keys: frozenset[int]) -> SchemaField:
    doc = field.get("doc")
    return SchemaField(
        field["id"],
        field["name"],
        type_text(field["type"]),
        bool(field["required"]),
        None if doc is None else text(doc),
        field["id"] in keys,
    )


def bounded_ids(schema: Mapping[str, Any]) -> frozenset[int]:
    """The columns whose bounds are worth keeping: the identifier fields, or else all that have an order."""
    return _keys(schema) or frozenset(
        f["id"] for f in schema["fields"] if isinstance(f["type"], str) and f["type"] in _ORDERED
    )


def _keys(schema: Mapping[str, Any]) -> frozenset[int]:
    return frozenset(map(integer, schema.get("identifier-field-ids") or ()))


def type_text(kind: Any) -> str:
    """A type in Iceberg's notation, nested ones too."""
    if isinstance(kind, str):
        return kind
    if kind["type"] == "list":
        return f"list<{type_text(kind['element'])}>"
    if kind["type"] == "map":
        return f"map<{type_text(kind['key'])}, {type_text(kind['value'])}>"
    fields = ", ".join(f"{f['name']}: {type_text(f['type'])}" for f in kind["fields"])
    return f"struct<{fields}>"


def _spec(spec: Mapping[str, Any], names: Mapping[int, str]) -> str:
    parts = [_transformed(f, names) for f in spec["fields"] if f["transform"] != "void"]
    return ", ".join(parts) or "unpartitioned"


def _order(order: Mapping[str, Any] | None, names: Mapping[int, str]) -> str:
    if order is None or not order["fields"]:
        return "unsorted"
    return ", ".join(f"{_transformed(f, names)} {f['direction']} {f['null-order']}" for f in order["fields"])


def _transformed(field: Mapping[str, Any], names: Mapping[int, str]) -> str:
    source, transform = names.get(field["source-id"], f"field {field['source-id']}"), field["transform"]
    return source if transform == "identity" else f"{text(transform)}({source})"
