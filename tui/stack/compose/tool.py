"""Docker Compose as a program: `docker compose` (v2) or `docker-compose` (v1), whichever there is."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from tui.model.errors import LakehouseError, UnavailableError

_ASK_S = 20.0
_STOP_S = 10.0
_NOISE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\[\d+m")
_PORT = re.compile(r"(?:Bind for|listen tcp4?) [\d.]+:(\d+)")
_NAME = re.compile(r'container name "/?([\w.-]+)" is already in use')
_OFFLINE = ("Could not resolve", "Temporary failure resolving", "does not answer", "dial tcp", "error sending request")
_UNPULLED = re.compile(r"pull access denied|manifest .*unknown|failed to resolve|Get \"https?://|not found: manifest")


def find(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The command line that Docker Compose begins with; raises `LakehouseError` where there is none."""
    path = environ.get("PATH", os.defpath)
    docker, alone = shutil.which("docker", path=path), shutil.which("docker-compose", path=path)
    if docker and _answers((docker, "compose")):
        return docker, "compose"
    if alone and _answers((alone,)):
        return (alone,)
    raise LakehouseError(
        "There is no Docker Compose: install the plugin (`docker compose`) or the program docker-compose; "
        "`--backend local` needs neither."
    )


def _answers(command: tuple[str, ...]) -> bool:
    try:
        done = subprocess.run([*command, "version"], capture_output=True, timeout=_ASK_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def run(
    command: tuple[str, ...],
    arguments: tuple[str, ...],
    folder: Path,
    environ: Mapping[str, str],
    line: Callable[[str], None],
) -> None:
    """Run Docker Compose in `folder` and give each line that it says to `line`.

    Raises `LakehouseError` with the reason; interrupted, it ends the program first.
    """
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert process.stdout is not None
    tail: deque[str] = deque(maxlen=60)
    try:
        with process.stdout as stream:
            for text in stream:
                said = _NOISE.sub("", text).strip()
                if said:
                    tail.append(said)
                    line(said)
        process.wait()
    finally:
        _end(process)
    if process.returncode != 0:
        raise failure(arguments, tuple(tail))


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)


def failure(arguments: tuple[str, ...], said: tuple[str, ...]) -> LakehouseError:
    """What a failed run means, from its last lines."""
    text = "\n".join(said)
    if (port := _PORT.search(text)) and ("already allocated" in text or "already in use" in text):
        return LakehouseError(f"Port {port[1]} is taken: end what holds it, or choose another port.")
    if name := _NAME.search(text):
        return LakehouseError(
            f"A container named {name[1]} is there already: remove it (`docker rm -f {name[1]}`), "
            "or choose another LAKEHOUSE_PROJECT."
        )
    if "permission denied" in text.lower() and "docker.sock" in text:
        return LakehouseError("This user may not use the Docker engine: join the group docker and log in again.")
    reason = _reason(said)
    if "build" not in arguments:
        return LakehouseError(f"`docker compose {arguments[0]}` failed: {reason}.")
    if _UNPULLED.search(text):
        return UnavailableError(f"The base image cannot be pulled: {reason}.")
    if any(sign in text for sign in _OFFLINE):
        return UnavailableError(f"The images cannot be built because the network does not answer: {reason}.")
    return LakehouseError(f"The images cannot be built: {reason}.")


def _reason(said: tuple[str, ...]) -> str:
    """The last line that names an error, with the words before it where it only tells that a step failed."""
    telling = [line for line in said if re.search(r"error|cannot|failed|denied|not found|unknown", line, re.IGNORECASE)]
    step = re.compile(r"non-zero code|did not complete successfully|Service '.*' failed to build|Build failed")
    words = [line for line in telling if not step.search(line)] or telling or list(said[-1:])
    return words[-1].rstrip(".")[:400] if words else "it said nothing"
