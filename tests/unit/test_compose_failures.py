"""What Docker Compose 1.29 and Docker 20.10 said when something was wrong, and the sentence made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.model.errors import LakehouseError, UnavailableError
from tui.stack.compose import engine, tool

TAKEN_PORT = """\
Creating network "rec_default" with the default driver
Creating rec-one ... error
ERROR: for rec-one  Cannot start service one: driver failed programming external connectivity on endpoint rec-one \
(3fed0c63a01a): Error starting userland proxy: listen tcp4 127.0.0.1:29888: bind: address already in use
Encountered errors while bringing up the project."""
ALLOCATED_PORT = """\
Error response from daemon: driver failed programming external connectivity on endpoint nervous_chatelet \
(832a0dfc3a43): Bind for 127.0.0.1:29887 failed: port is already allocated"""
TAKEN_NAME = """\
Creating rec-one ... error
ERROR: for one  Cannot create container for service one: Conflict. The container name "/rec-one" is already in use by \
container "36aa72f45590". You have to remove (or rename) that container to be able to reuse that name.
Encountered errors while bringing up the project."""
BROKEN_STEP = r"""
printf 'Building two\n'
printf 'Step 2/2 : RUN echo working && ls /nowhere\n ---> Running in d1dd07bc9d22\nworking\n'
printf "\033[91mls: \033[0m\033[91mcannot access '/nowhere'\033[0m\033[91m: No such file or directory\033[0m\033[91m\n"
printf "\033[0mThe command '/bin/sh -c ls /nowhere' returned a non-zero code: 2\n"
printf "Service 'two' failed to build : Build failed\n"
exit 1"""
NO_BASE = """\
Step 1/2 : FROM debian:bookworm-slim
Get "https://registry.example/v2/": dial tcp: lookup registry.example on 10.0.0.53:53: no such host
Service 'kafka' failed to build : Build failed"""
NO_PACKAGES = """\
Step 2/2 : RUN apt-get update
W: Failed to fetch http://packages.example/dists/bookworm/InRelease  Temporary failure resolving 'packages.example'
E: Unable to locate package ca-certificates
The command '/bin/sh -c apt-get update' returned a non-zero code: 100
Service 'kafka' failed to build : Build failed"""


def sentence(said: str, *arguments: str) -> str:
    return str(tool.failure(arguments, tuple(said.splitlines())))


def test_a_taken_port_is_named() -> None:
    assert sentence(TAKEN_PORT, "up") == "Port 29888 is taken: end what holds it, or choose another port."
    assert sentence(ALLOCATED_PORT, "up") == "Port 29887 is taken: end what holds it, or choose another port."


def test_a_taken_name_is_named_with_what_to_do() -> None:
    said = sentence(TAKEN_NAME, "up")
    assert said.startswith("A container named rec-one is there already: remove it (`docker rm -f rec-one`)")


def test_a_failed_build_says_what_failed_not_that_it_failed(tmp_path: Path) -> None:
    with pytest.raises(LakehouseError) as failed:
        tool.run(("/bin/bash", "-c", BROKEN_STEP, "compose"), ("build",), tmp_path, {}, lambda _: None)
    assert str(failed.value) == "The images cannot be built: ls: cannot access '/nowhere': No such file or directory."


def test_a_build_without_network_says_so() -> None:
    base = tool.failure(("build",), tuple(NO_BASE.splitlines()))
    assert isinstance(base, UnavailableError)
    assert str(base).startswith("The base image cannot be pulled: ")
    packages = tool.failure(("build",), tuple(NO_PACKAGES.splitlines()))
    assert isinstance(packages, UnavailableError)
    assert "because the network does not answer" in str(packages)


@pytest.mark.parametrize(
    ("error", "said", "kind"),
    [
        (
            "Error while fetching server API version: ('Connection aborted.', PermissionError(13, 'Permission "
            "denied'))",
            "This user may not use the Docker engine: join the group docker",
            LakehouseError,
        ),
        (
            "Error while fetching server API version: ('Connection aborted.', FileNotFoundError(2, 'No such file'))",
            "No Docker engine answers (there is no socket): start it",
            UnavailableError,
        ),
        (
            "Error while fetching server API version: ('Connection aborted.', ConnectionRefusedError(111, 'Connection "
            "refused'))",
            "No Docker engine answers (the connection is refused): start it",
            UnavailableError,
        ),
        (
            "UnixHTTPConnectionPool(host='localhost', port=None): Read timed out. (read timeout=10)",
            "The Docker engine does not answer in time",
            UnavailableError,
        ),
    ],
)
def test_an_engine_that_cannot_be_used_is_a_sentence(error: str, said: str, kind: type[LakehouseError]) -> None:
    found = engine.sentence(OSError(error))
    assert type(found) is kind
    assert str(found).startswith(said)


def test_an_engine_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    engine.connect.cache_clear()
    try:
        with pytest.raises(UnavailableError, match="No Docker engine answers \\(there is no socket\\)"):
            engine.connect()
    finally:
        engine.connect.cache_clear()
