import math
import os
from pathlib import Path

import pytest

from furniture_prompter.encoders import processors
from furniture_prompter.encoders.processors import (
    available_cpus,
    granted_cpus,
    threads_for_one_image,
)


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "ascii")
    return file


def test_a_container_of_two_processors_has_two(tmp_path: Path) -> None:
    write(tmp_path / "groups" / "cpu.max", "200000 100000\n")
    own = write(tmp_path / "cgroup", "0::/\n")
    assert granted_cpus(tmp_path / "groups", own) == 2


def test_of_nested_groups_the_tightest_counts(tmp_path: Path) -> None:
    groups = tmp_path / "groups"
    write(groups / "cpu.max", "max 100000\n")
    write(groups / "shop.slice" / "cpu.max", "150000 100000\n")
    write(groups / "shop.slice" / "search.service" / "cpu.max", "300000 100000\n")
    own = write(tmp_path / "cgroup", "1:name=systemd:/x\n0::/shop.slice/search.service\n")
    assert granted_cpus(groups, own) == 1.5


def test_a_group_named_from_outside_the_container_is_the_mount_itself(tmp_path: Path) -> None:
    write(tmp_path / "groups" / "cpu.max", "50000 100000\n")
    own = write(tmp_path / "cgroup", "0::/../../docker/0123\n")
    assert granted_cpus(tmp_path / "groups", own) == 0.5


def test_version_1_is_read_too(tmp_path: Path) -> None:
    write(tmp_path / "groups" / "cpu" / "cpu.cfs_quota_us", "400000\n")
    write(tmp_path / "groups" / "cpu" / "cpu.cfs_period_us", "100000\n")
    assert granted_cpus(tmp_path / "groups", write(tmp_path / "own", "4:cpu:/docker/1\n")) == 4


@pytest.mark.parametrize("text", ["max 100000\n", "", "nonsense\n", "100000 0\n", "-1 100000\n"])
def test_what_limits_nothing_or_cannot_be_read_is_no_limit(tmp_path: Path, text: str) -> None:
    write(tmp_path / "groups" / "cpu.max", text)
    assert granted_cpus(tmp_path / "groups", tmp_path / "nowhere") == math.inf


@pytest.mark.parametrize(("granted", "expected"), [(math.inf, 64), (1.5, 2), (0.2, 1), (100.0, 64)])
def test_neither_more_than_may_be_run_on_nor_more_than_is_granted(
    monkeypatch: pytest.MonkeyPatch, granted: float, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(processors, "granted_cpus", lambda: granted)
    assert available_cpus() == expected
    assert threads_for_one_image() == min(expected, 8)
