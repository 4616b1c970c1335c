"""The lakehouse as real local processes under one supervisor."""
