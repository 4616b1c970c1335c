"""Started by the supervisor for each program: ties it to the supervisor, then becomes it. Standard library only.

Usage: `python -I -S launcher.py SPEC.json`, where the specification has `argv`, `env`, `cwd`, `starts` (a file that
gets a line for each start) and `supervisor` (the supervisor's pid file). `{pid}` in an argument becomes the process
id, which the program keeps because it is executed in place.
"""

import ctypes
import json
import os
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal this process gets when its parent dies; it is kept across execve. Linux only."""


def main(spec_path: str) -> None:
    """Read the specification, tie the process to its parent, and execute the program."""
    spec: dict[str, Any] = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(Path(spec["supervisor"]).read_text(encoding="utf-8")):
        sys.exit("The supervisor died before this program was started.")
    with suppress(OSError), Path(spec["starts"]).open("a", encoding="utf-8") as handle:  # a full disk costs the count
        handle.write(f"{datetime.now(UTC).isoformat()} {os.getpid()}\n")
    argv = [word.replace("{pid}", str(os.getpid())) for word in spec["argv"]]
    os.chdir(spec["cwd"])
    os.execve(argv[0], argv, spec["env"])


if __name__ == "__main__":
    main(sys.argv[1])
