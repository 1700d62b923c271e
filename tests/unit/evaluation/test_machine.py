import subprocess
from pathlib import Path

import pytest

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.machine import (
    apple_instruction_sets_in,
    commit_of,
    group_limit_bytes,
    instruction_sets_in,
    processor_in,
    psutil_or_refuse,
    this_machine,
    versions_of,
)

X86 = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8480+
flags\t\t: fpu sse sse2 sse4_2 avx avx2 fma avx512f avx512_vnni amx_int8 amx_bf16 avx_vnni

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
ARM = """processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd evtstrm aes asimdhp asimddp i8mm bf16 sve
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd40
"""


def test_an_x86_processor_is_told_by_its_name_and_its_vector_instructions() -> None:
    assert processor_in(X86) == "Intel(R) Xeon(R) Platinum 8480+"
    expected = {"sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni"}
    assert set(instruction_sets_in(X86)) == expected | {"amx_int8", "amx_bf16"}


def test_an_arm_processor_without_a_name_is_told_by_its_numbers() -> None:
    assert processor_in(ARM) == "ARM, implementer 0x41, part 0xd40"
    expected = {"asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve"}
    assert set(instruction_sets_in(ARM)) == expected


def test_a_text_that_says_nothing_names_nothing() -> None:
    assert processor_in("") == ""
    assert instruction_sets_in("no colon here\n\n") == ()


def test_macos_names_become_those_of_linux() -> None:
    apple = "hw.optional.arm.FEAT_I8MM: 1\nhw.optional.arm.FEAT_SME: 0\nhw.optional.AdvSIMD: 1\n"
    assert set(apple_instruction_sets_in(apple)) == {"i8mm", "asimd"}
    intel = "machdep.cpu.features: FPU SSE4.2 FMA AVX1.0\nmachdep.cpu.leaf7_features: AVX2 BMI1\n"
    assert set(apple_instruction_sets_in(intel)) == {"sse4_2", "fma", "avx", "avx2"}


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


def test_without_psutil_the_answer_is_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(BenchmarkError, match=r"pip install -e '\.\[benchmark\]'"):
        psutil_or_refuse("memory")
