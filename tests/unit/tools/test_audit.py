"""An audit that could not be made is neither passed over in silence nor taken for a finding."""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tools import audit

GOOD = {"name": "numpy", "version": "2.4.6", "vulns": []}
SILENT = {"name": "ours", "skip_reason": "Dependency not found"}
BAD = {
    "name": "pillow",
    "version": "1.0",
    "vulns": [
        {"id": "CVE-1", "fix_versions": ["1.1", "2.0"]},
        {"id": "CVE-2", "fix_versions": []},
    ],
}


def run(
    monkeypatch: pytest.MonkeyPatch, *, packages: list[Any] | None = None, stderr: str = ""
) -> int:
    """The tool beside a pip-audit that says so."""
    told = json.dumps({"dependencies": packages, "fixes": []}) if packages is not None else ""
    code = f"import sys; sys.stdout.write({told!r}); sys.stderr.write({stderr!r}); sys.exit(1)"
    real = audit.audit
    monkeypatch.setattr(audit, "audit", lambda lock: real(lock, (sys.executable, "-c", code)))
    return audit.main(["locks/serve.txt"])


def test_a_known_vulnerability_fails_with_the_version_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, packages=[GOOD, BAD]) == 1
    said = capsys.readouterr().out
    assert "2 packages compared" in said
    assert "VULNERABLE pillow 1.0: CVE-1, mended in 1.1, 2.0" in said
    assert "VULNERABLE pillow 1.0: CVE-2, not mended" in said


def test_packages_that_the_service_does_not_know_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, packages=[GOOD, SILENT]) == 0
    assert "1 packages compared; 1 unknown to the service: ours" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("packages", "stderr", "why"),
    [
        (None, "Traceback …\nrequests.exceptions.ProxyError: no", "it cannot be reached"),
        (None, "ERROR:pip_audit._cli:Could not connect to the feed", "it cannot be reached"),
        # What a mirror without the feed answers: each package "not found", and exit 0.
        ([SILENT, SILENT], "", "it knows none of the packages"),
    ],
)
def test_a_service_out_of_reach_is_one_line_and_no_failure(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    packages: list[Any] | None,
    stderr: str,
    why: str,
) -> None:
    assert run(monkeypatch, packages=packages, stderr=stderr) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line == f"audit: locks/serve.txt was NOT audited; the vulnerability service: {why}."


def test_an_answer_that_never_comes_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "LIMIT_S", 0.05)
    slow = (sys.executable, "-c", "import time; time.sleep(20)")
    real = audit.audit
    monkeypatch.setattr(audit, "audit", lambda lock: real(lock, slow))
    assert audit.main(["a"]) == 0
    assert "was NOT audited; the vulnerability service: no answer within" in capsys.readouterr().out


def test_a_lock_that_pip_audit_cannot_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match=r"serve\.txt: ERROR: does not contain a hash"):
        run(monkeypatch, stderr="ERROR: does not contain a hash")


LOCKS = Path(__file__).parents[3] / "locks"


def pins(path: Path) -> dict[str, str]:
    lines = (line.partition(" ")[0] for line in path.read_text("utf-8").splitlines())
    found = (line.partition("==") for line in lines if "==" in line)
    return {name.lower().replace("_", "-").replace(".", "-"): version for name, _, version in found}


@pytest.mark.parametrize("name", ["build", "base", "serve", "dev"])
def test_a_lock_has_a_hash_for_each_package_and_the_versions_of_the_constraints(name: str) -> None:
    text = (LOCKS / f"{name}.txt").read_text("utf-8")
    blocks = [line for line in text.replace("\\\n", " ").splitlines() if line[:1] not in {"", "#"}]
    assert blocks
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)
    # Whoever installs has an index of their own.
    assert "://" not in text
    assert "--index-url" not in text
    wanted, locked = pins(LOCKS.parent / "constraints.txt"), pins(LOCKS / f"{name}.txt")
    # Packages of other systems, which a freeze on this one cannot name.
    elsewhere = {
        *("brotlicffi", "colorama", "httpx2-jsfetch", "pyobjc-core", "pyobjc-framework-cocoa"),
        "pypydispatcher",
    }
    assert locked.keys() - wanted.keys() <= elsewhere
    assert {at: wanted[at] for at in locked.keys() & wanted.keys()} == {
        at: version for at, version in locked.items() if at in wanted
    }


def test_the_locks_hold_every_direct_dependency_but_pytorch() -> None:
    told = tomllib.loads((LOCKS.parent / "pyproject.toml").read_text("utf-8"))
    project, extras = told["project"], told["project"]["optional-dependencies"]

    def direct(*names: str) -> list[Requirement]:
        lines = [*project["dependencies"], *(line for name in names for line in extras[name])]
        return [Requirement(line) for line in lines]

    for lock, names in (
        ("base", ()),
        ("serve", ("serve", "client")),
        ("dev", ("dev", "benchmark", "client", "hub", "render", "serve", "train")),
    ):
        locked = pins(LOCKS / f"{lock}.txt")
        for requirement in direct(*names):
            if requirement.name in {"torch", "furniture-prompter"}:
                continue
            assert requirement.specifier.contains(locked[requirement.name.lower()]), requirement
    (backend, editable) = told["build-system"]["requires"][0], "editables"
    assert Requirement(backend).name in pins(LOCKS / "build.txt")
    assert editable in pins(LOCKS / "build.txt")
