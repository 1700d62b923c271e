"""``make demo`` as a stranger runs it: a fresh clone, an empty home, nothing but packages."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.datasets import bundled
from benchmarks.provenance import ROOT, add_output_option, write_result

# What a stranger's shell has as well; how packages are reached differs from machine to machine.
KEPT_PREFIXES = ("PIP_", "SSL_", "REQUESTS_", "HTTP_", "HTTPS_", "NO_PROXY", "LANG", "LC_", "TERM")

METHOD = """
The committed state is cloned into an empty folder, HOME is another one, and the environment is
cleared but for PATH and what tells pip where packages are; so nothing is cached and nothing is
installed. Time is the wall time of `make demo`, which depends on how fast packages come; the folder
sizes are the sums of file sizes afterwards.
"""


def folder_mb(folder: Path) -> float:
    """Sum of file sizes below `folder`, links not followed, in MB."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return round(sum(path.stat().st_size for path in files) / 1e6, 1)


def clean_environment(home: Path) -> dict[str, str]:
    """The environment of a fresh login with this interpreter first on the path."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT_PREFIXES)}
    # The interpreter itself, for a version manager's stand-ins look for their files below HOME.
    interpreter = Path(sys.base_prefix) / "bin"
    return kept | {"HOME": str(home), "PATH": f"{interpreter}:/usr/local/bin:/usr/bin:/bin"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_output_option(parser, "demo")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp())
    try:
        home, clone = work / "home", work / "furniture-prompter"
        home.mkdir()
        subprocess.run(
            ["git", "clone", "--quiet", str(ROOT), str(clone)],  # noqa: S607  (found on PATH)
            check=True,
        )
        clone_mb = folder_mb(clone)
        environment = clean_environment(home)
        began = time.perf_counter()
        done = subprocess.run(
            ["make", "demo"],  # noqa: S607  (found on PATH)
            cwd=clone,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        print(done.stdout)
        if done.returncode:
            raise SystemExit(f"make demo ended with {done.returncode} after {seconds:.0f} s.")
        environment_mb = folder_mb(clone / ".venv")
        packages = sorted(
            path.name.split("-")[0].lower() for path in (clone / ".venv").rglob("*.dist-info")
        )
        rows = [
            {"what": "time", "value": round(seconds, 1), "unit": "s", "target": "≤ 360"},
            {"what": "exit code", "value": done.returncode, "unit": "", "target": "0"},
            {
                "what": "installed, .venv",
                "value": environment_mb,
                "unit": "MB",
                "target": "≤ 700",
            },
            {"what": "clone with its history", "value": clone_mb, "unit": "MB", "target": None},
            {
                "what": "all of it afterwards",
                "value": folder_mb(clone),
                "unit": "MB",
                "target": None,
            },
            {"what": "left in HOME", "value": folder_mb(home), "unit": "MB", "target": None},
            {"what": "packages", "value": len(packages), "unit": "", "target": None},
            {"what": "torch among them", "value": "torch" in packages, "unit": "", "target": "no"},
        ]
    finally:
        shutil.rmtree(work)
    for row in rows:
        print(row)
    write_result(
        arguments.out,
        title="The demo in a fresh clone",
        data=[bundled().source],
        method=METHOD,
        figures={"rows": rows},
    )


if __name__ == "__main__":
    main()
