"""Blocking clients of the services, each behind a port."""
