"""SQL over the tables: DuckDB on the rows that our own reader returns."""

from tui.clients.query.engine import QueryEngine

__all__ = ["QueryEngine"]
