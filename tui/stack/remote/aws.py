"""Keys of a profile in AWS's own files (`~/.aws/credentials`, `~/.aws/config`; AWS CLI, "Configuration files")."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tui.model.access import S3Access
from tui.model.errors import LakehouseError
from tui.model.remote import Remote

_FILES = (("AWS_SHARED_CREDENTIALS_FILE", "credentials", "{}"), ("AWS_CONFIG_FILE", "config", "profile {}"))


def access(remote: Remote, environ: Mapping[str, str]) -> S3Access:
    """How the object store is reached, with the keys of `s3_profile` where it names one.

    Raises `LakehouseError` for a profile that is not there, or that has no keys of its own.
    """
    found = remote.s3_access()
    if found.access_key or not remote.s3_profile:
        return found
    values = profile(remote.s3_profile, environ)
    if not values.get("aws_access_key_id") or not values.get("aws_secret_access_key"):
        raise LakehouseError(
            f"The AWS profile {remote.s3_profile!r} has no keys of its own: take the variables that "
            f"`aws configure export-credentials --profile {remote.s3_profile} --format env` prints, without s3_profile."
        )
    return replace(
        found,
        access_key=values["aws_access_key_id"],
        secret_key=values["aws_secret_access_key"],
        session_token=values.get("aws_session_token", ""),
    )


def profile(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What both files say of the profile; raises `LakehouseError` where none of them knows it."""
    found: dict[str, str] = {}
    places = []
    known = False
    for variable, file, section in _FILES:
        path = Path(environ.get(variable) or Path(environ.get("HOME", "~")).expanduser() / ".aws" / file)
        places.append(str(path))
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            raise LakehouseError(f"{path} cannot be read as a file of AWS profiles.") from None
        for title in (name, section.format(name)):
            if parser.has_section(title):
                known = True
                found = {**dict(parser.items(title)), **found}
    if not known:
        raise LakehouseError(f"There is no AWS profile {name!r} in {' or '.join(places)}.")
    return found
