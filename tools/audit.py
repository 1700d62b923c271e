"""Known vulnerabilities of what the locks name: ``python -m tools.audit locks/serve.txt …``.

``pip-audit`` asks a service over the network. Three outcomes are told apart: nothing known (exit
0), vulnerable (exit 1), and the service out of reach or silent about every package, which is one
line and exit 0: a build without a network is no vulnerable build, nor is it an audited one.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_S = 300.0
"""For one lock; a service that answers takes some seconds."""

_UNREACHABLE = ("requests.exceptions.", "Could not connect", "urllib3.exceptions.")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Audit:
    """What the service said of one lock.

    Attributes:
        compared: Packages that it knows.
        unknown: Names of those that it does not.
        vulnerable: A line for each vulnerability, with the version that mends it.
        why: Why nothing was compared; empty where something was.
    """

    compared: int = 0
    unknown: tuple[str, ...] = ()
    vulnerable: tuple[str, ...] = ()
    why: str = ""


def audit(lock: Path, program: Sequence[str] = (sys.executable, "-m", "pip_audit")) -> Audit:
    """Ask about every package of ``lock``, a requirements file with hashes.

    Raises:
        RuntimeError: pip-audit failed otherwise than by not reaching its service.
    """
    command = [*program, "--disable-pip", "--require-hashes", "--requirement", str(lock)]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)  # noqa: S603 - pip-audit on our own files
    except subprocess.TimeoutExpired:
        return Audit(why=f"no answer within {LIMIT_S:.0f} s")
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError) as error:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        if any(sign in done.stderr for sign in _UNREACHABLE):
            return Audit(why="it cannot be reached")
        raise RuntimeError(f"pip-audit failed on {lock}: {last[0]}") from error
    unknown = tuple(each["name"] for each in packages if "skip_reason" in each)
    found = tuple(
        f"{each['name']} {each['version']}: {one['id']}, "
        + (f"mended in {', '.join(one['fix_versions'])}" if one["fix_versions"] else "not mended")
        for each in packages
        for one in each.get("vulns", ())
    )
    compared = len(packages) - len(unknown)
    return Audit(compared, unknown, found, "" if compared else "it knows none of the packages")


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit the locks that are named; 1 where something is vulnerable."""
    parser = argparse.ArgumentParser(prog="python -m tools.audit", description=__doc__)
    parser.add_argument("locks", nargs="+", type=Path)
    vulnerable: dict[str, None] = {}
    for lock in parser.parse_args(arguments).locks:
        found = audit(lock)
        if found.why:
            print(f"audit: {lock} was NOT audited; the vulnerability service: {found.why}.")
            continue
        silent = ", ".join(found.unknown[:_SHOWN]) + (" …" if len(found.unknown) > _SHOWN else "")
        left = f"; {len(found.unknown)} unknown to the service: {silent}" if silent else ""
        print(f"audit: {lock}: {found.compared} packages compared{left}.")
        vulnerable |= dict.fromkeys(found.vulnerable)
    for line in vulnerable:
        print(f"audit: VULNERABLE {line}")
    if vulnerable:
        print("Raise the versions in constraints.txt and run `sh scripts/lock`.")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
