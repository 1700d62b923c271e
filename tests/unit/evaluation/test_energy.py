from pathlib import Path

import pytest

from furniture_prompter.evaluation.latency import EnergyMeter


def zone(folder: Path, name: str, title: str, energy_uj: int, largest_uj: int = 1_000_000) -> Path:
    """A zone as Linux shows it; its counter's file."""
    place = folder / name
    place.mkdir(parents=True)
    (place / "name").write_text(f"{title}\n")
    (place / "max_energy_range_uj").write_text(f"{largest_uj}\n")
    (place / "energy_uj").write_text(f"{energy_uj}\n")
    return place / "energy_uj"


def opened(folder: Path) -> EnergyMeter:
    meter = EnergyMeter.open(folder)
    assert meter is not None
    return meter


def test_joules_of_all_packages_are_added(tmp_path: Path) -> None:
    first = zone(tmp_path, "intel-rapl:0", "package-0", 100)
    second = zone(tmp_path, "intel-rapl:1", "package-1", 500_000)
    meter = opened(tmp_path)
    before = meter.read()
    first.write_text("250100\n")
    second.write_text("750000\n")
    assert meter.joules_since(before) == pytest.approx(0.5)


def test_a_counter_that_started_again_is_put_right(tmp_path: Path) -> None:
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 900_000)
    meter = opened(tmp_path)
    before = meter.read()
    counter.write_text("300000\n")
    assert meter.joules_since(before) == pytest.approx(0.4)


def test_what_lies_within_a_package_or_holds_it_is_not_counted_again(tmp_path: Path) -> None:
    counters = [
        zone(tmp_path, "intel-rapl:0", "package-0", 0),
        zone(tmp_path, "intel-rapl:0:0", "core", 0),
        zone(tmp_path, "intel-rapl:1", "psys", 0),
        zone(tmp_path, "intel-rapl-mmio:0", "package-0", 0),
    ]
    meter = opened(tmp_path)
    before = meter.read()
    for counter in counters:
        counter.write_text("200000\n")
    assert meter.joules_since(before) == pytest.approx(0.2)


def test_a_machine_that_does_not_tell_has_no_meter(tmp_path: Path) -> None:
    assert EnergyMeter.open(tmp_path / "missing") is None
    assert EnergyMeter.open(tmp_path) is None
    zone(tmp_path, "intel-rapl:0", "package-0", 0).unlink()
    assert EnergyMeter.open(tmp_path) is None
