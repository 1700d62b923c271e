import subprocess
from pathlib import Path

import pytest

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation import machine
from furniture_prompter.evaluation.machine import (
    commit_of,
    group_limit_bytes,
    instruction_sets,
    package,
    processor_name,
    this_machine,
    versions_of,
)


def test_a_processor_is_told_by_its_name_and_the_instructions_that_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known: dict[str, object] = {"brand_raw": "A processor", "flags": ["fpu", "avx2", "sse4_2"]}
    monkeypatch.setattr(machine, "_processor", lambda: known)
    assert processor_name() == "A processor"
    assert instruction_sets() == ("sse4_2", "avx2")
    known.clear()
    assert processor_name()
    assert instruction_sets() == ()


def test_the_least_limit_on_the_way_to_the_root_counts(tmp_path: Path) -> None:
    group = tmp_path / "box" / "job"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    (tmp_path / "box" / "memory.max").write_text("2000000\n")
    (tmp_path / "memory.max").write_text("9000000\n")
    assert group_limit_bytes("0::/box/job\n", tmp_path) == 2_000_000


def test_a_limit_of_the_older_groups_counts_and_none_is_none(tmp_path: Path) -> None:
    group = tmp_path / "memory" / "docker"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("777\n")
    assert group_limit_bytes("4:cpu:/docker\n3:memory:/docker\n", tmp_path) == 777
    assert group_limit_bytes("0::/\n", tmp_path) is None
    assert group_limit_bytes("", tmp_path) is None


def test_this_machine_has_memory_cores_and_versions_and_one_fingerprint() -> None:
    found = this_machine(2)
    assert found.memory_bytes > 100e6
    assert found.cores >= 1
    assert found.processor
    assert found.versions["python"]
    assert found.versions["numpy"]
    assert found.fingerprint == this_machine(2).fingerprint != this_machine(1).fingerprint


def test_packages_that_are_missing_have_no_version() -> None:
    assert set(versions_of(["numpy", "no-such-package-at-all"])) == {"python", "numpy"}


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def test_a_commit_is_marked_when_measured_files_differ_from_it(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    code, notes = tmp_path / "src" / "code.py", tmp_path / "notes.md"
    code.write_text("a = 1\n")
    notes.write_text("one\n")
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "-m", "first")
    head = commit_of(tmp_path)
    assert len(head) == 40
    notes.write_text("two\n")
    assert commit_of(tmp_path) == head
    code.write_text("a = 2\n")
    assert commit_of(tmp_path) == f"{head} with uncommitted changes"


def test_a_folder_within_a_checkout_that_is_none_itself_has_no_commit(tmp_path: Path) -> None:
    _git(tmp_path, "init", "--quiet")
    installed = tmp_path / "site-packages"
    installed.mkdir()
    assert commit_of(installed) == ""
    assert commit_of(tmp_path) == ""  # no commit yet


def test_without_a_package_the_answer_is_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(BenchmarkError, match=r"pip install -e '\.\[benchmark\]'"):
        package("psutil")
