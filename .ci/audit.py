"""Says what pip-audit found: `audit.py NAME RESULT.json STATUS`; exit status 1 for a finding nobody has answered."""

import json
import sys
from pathlib import Path


def main(name: str, result: str, status: str) -> int:
    """Print one line, or one a finding."""
    try:
        packages = json.loads(Path(result).read_text(encoding="utf-8"))["dependencies"]
    except (ValueError, KeyError, TypeError):
        print(f"audit of {name}: not done, the advisory service does not answer (pip-audit ended with {status}).")
        return 0
    audited = [p for p in packages if "skip_reason" not in p]
    findings = [(p["name"], p["version"], v) for p in audited for v in p["vulns"]]
    for package, version, vulnerability in findings:
        fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
        print(f"audit of {name}: {package} {version} has {vulnerability['id']}, fixed in {fixed}.")
    if not audited:
        print(f"audit of {name}: not done, the advisory service knows none of the {len(packages)} packages.")
    else:
        skipped = f", {len(packages) - len(audited)} unknown to the service" if len(audited) < len(packages) else ""
        print(f"audit of {name}: {len(audited)} packages, {len(findings)} unanswered findings{skipped}.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
