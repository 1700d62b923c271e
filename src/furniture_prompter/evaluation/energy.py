"""Energy of the processor, where Linux tells it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

POWERCAP: Final = Path("/sys/class/powercap")

_PACKAGE: Final = re.compile(r"intel-rapl:\d+")
_MICROJOULES: Final = 1e6


@dataclass(frozen=True, slots=True)
class _Counter:
    """One package's counter: microjoules that start again at 0 after `range_uj`."""

    file: Path
    range_uj: int

    def read(self) -> int:
        return int(self.file.read_text("ascii"))


class EnergyMeter:
    """Counters of the processor's packages, of Intel and AMD (RAPL), as Linux shows them.

    A package is its cores, caches and what else is on the chip; memory, disks and power supplies
    are not in it, and everything else that the machine does is (the kernel's
    Documentation/power/powercap/powercap.rst). Counters move about once a millisecond. Since
    CVE-2020-8694 only root reads them on most systems.
    """

    def __init__(self, counters: tuple[_Counter, ...]) -> None:
        self._counters = counters

    @classmethod
    def open(cls, folder: Path = POWERCAP) -> "EnergyMeter | None":
        """The machine's meter; None where it has none or this process may not read it."""
        counters: list[_Counter] = []
        try:
            for zone in sorted(folder.iterdir()):
                # Zones within a package ("intel-rapl:0:0") are part of it, and the whole platform
                # ("psys") holds the packages.
                if not _PACKAGE.fullmatch(zone.name):
                    continue
                if not (zone / "name").read_text("ascii").startswith("package"):
                    continue
                largest = int((zone / "max_energy_range_uj").read_text("ascii"))
                counters.append(_Counter(zone / "energy_uj", largest))
                counters[-1].read()
        except (OSError, ValueError):
            return None
        return cls(tuple(counters)) if counters else None

    def read(self) -> tuple[int, ...]:
        """Where the counters stand, for :meth:`joules_since`."""
        return tuple(each.read() for each in self._counters)

    def joules_since(self, before: tuple[int, ...]) -> float:
        """Joules between two readings.

        A counter that started again in between is put right; it must not have done so twice, which
        takes a package of 200 W more than ten minutes.
        """
        total_uj = 0
        for each, first, last in zip(self._counters, before, self.read(), strict=True):
            total_uj += last - first if last >= first else last + each.range_uj - first
        return total_uj / _MICROJOULES
