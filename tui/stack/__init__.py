"""The backends that run a lakehouse, and what they need."""
