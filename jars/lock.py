"""Make the locks of all jar sets from `roots.toml`: `python jars/lock.py [SET ...]`.

A lock lists the Maven coordinate, SHA-256 and size in bytes of every jar of a set, and no addresses. Needs the
network (or jars in the local Maven repository); the product itself only reads the locks.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

from jgo.maven import Dependency, MavenContext

HERE = Path(__file__).resolve().parent


def resolve(context: MavenContext, spec: dict[str, Any]) -> list[Dependency]:
    """All jars of one set, without those that the set leaves out."""
    roots = [context.create_dependency(name) for name in spec["roots"]]
    inputs, transitive = context.resolver.resolve(roots)
    found = [d for d in (*inputs, *transitive) if d.scope in (None, "compile", "runtime") and not d.optional]
    if "only" in spec:
        found = [d for d in found if any(_matches(d, wanted) for wanted in spec["only"])]
    plain = [context.create_dependency(name) for name in spec.get("plain", [])]
    left_out = {*spec.get("drop", []), *(d.artifactId for d in plain)}
    return [*(d for d in found if d.artifactId not in left_out), *plain]


def _matches(dependency: Dependency, wanted: str) -> bool:
    name, _, major = wanted.partition(":")
    return bool(dependency.artifactId == name and dependency.version.startswith(major))


def entry(dependency: Dependency) -> dict[str, Any]:
    """One entry of a lock; downloads the jar to hash it."""
    data = dependency.artifact.resolve().read_bytes()
    parts = [dependency.groupId, dependency.artifactId, dependency.version, dependency.classifier]
    return {
        "coordinate": ":".join(part for part in parts if part),
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
    }


def lock(context: MavenContext, name: str, spec: dict[str, Any]) -> None:
    """Resolve one set and write `<name>.json`."""
    entries = sorted((entry(d) for d in resolve(context, spec)), key=lambda e: e["coordinate"])
    names = [e["coordinate"].rsplit(":", 1)[0] for e in entries]
    if len(set(names)) != len(names):
        raise SystemExit(f"{name}: the same jar twice: {sorted(n for n in names if names.count(n) > 1)}")
    (HERE / f"{name}.json").write_text(json.dumps({"set": name, "jars": entries}, indent=1) + "\n")
    sys.stdout.write(f"{name}: {len(entries)} jars, {sum(e['size'] for e in entries) / 1e6:.1f} MB\n")


def main() -> None:
    """Lock the sets named on the command line, or all."""
    sets = tomllib.loads((HERE / "roots.toml").read_text())
    context = MavenContext()
    for name in sys.argv[1:] or sets:
        lock(context, name, sets[name])


if __name__ == "__main__":
    main()
