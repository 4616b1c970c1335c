"""Time to a ready stack: all services side by side (what `up` does) beside one after the other, in one run.

    uv run python -m benchmarks.startup [--runs 5] [--json]

The two take turns on the same home, everything is downloaded before. Absolute figures do not travel; the ratio does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

from benchmarks import lab
from tui import bootstrap
from tui.settings import Settings
from tui.stack.local import backend as local_backend
from tui.stack.local.startup import Startup
from tui.stack.local.status import Prober
from tui.stack.provision import Provisioned

POLL_S = 0.1
PROBE_S = 2.0


class OneByOne(Startup):
    """Starts the next service only when the one before it answers."""

    def launch(self, missing: list[str], provisioned: Provisioned) -> None:
        """Start and wait, service by service."""
        prober = Prober(self.settings, self.layout, self.keys)
        for name, spec in self._specs(missing, provisioned).items():
            self.started.append(name)
            self.supervisor.launch(spec)
            while self._problem(name, self.supervisor.programs().get(name), prober):
                time.sleep(POLL_S)


def seconds(stack: Settings, startup: type[Startup]) -> float:
    """Bring the stack up with `startup`, take it down again, and return how long `up` took."""
    backend = local_backend.LocalBackend(stack)
    usual, local_backend.Startup = local_backend.Startup, startup  # type: ignore[misc]
    try:
        began = time.monotonic()
        backend.up(lab.silent)
        return time.monotonic() - began
    finally:
        local_backend.Startup = usual  # type: ignore[misc]
        backend.down(lab.silent)


def main() -> None:
    """Run both in turns and print medians and the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    together, apart = [], []
    with lab.home() as stack:
        bootstrap.provision(stack, lab.silent)
        seconds(stack, Startup)  # a home's first start makes its files
        for _ in range(arguments.runs):
            together.append(seconds(stack, Startup))
            apart.append(seconds(stack, OneByOne))
    result = {"side_by_side_s": statistics.median(together), "one_by_one_s": statistics.median(apart)}
    if arguments.json:
        print(json.dumps({**result, "runs": arguments.runs}))
        return
    for name, values in (("side by side", together), ("one by one", apart)):
        print(f"{name:<14} median {statistics.median(values):5.1f} s   ({', '.join(f'{v:.1f}' for v in values)})")
    print(f"one by one takes {result['one_by_one_s'] / result['side_by_side_s']:.2f} times as long")


if __name__ == "__main__":
    main()
