import zipfile
from pathlib import Path

import pytest

from tools.catalog_builder.libraries import LIBRARIES, LICENCE_URLS, read_library

SCOPIA = LIBRARIES[-1]
ENGLISH = """\
id=SweetHome3D#ScopiaModels
id#1=Scopia#ext_chair
name#1=Chair
tags#1=Seat, Outdoor
category#1=Exterior
model#1=/scopia/ext_chair/ext_chair.obj
width#1=100.0
depth#1=76.4
height#1=73.4
modelRotation#1=0 0 1 0 1 0 -1 0 0
creator#1=Scopia
"""
TURKISH = "name#1=Bah\\u00e7e sandalyesi\n"


def _library(folder: Path, turkish: str) -> None:
    with zipfile.ZipFile(folder / SCOPIA.file_name, "w") as archive:
        archive.writestr("PluginFurnitureCatalog.properties", ENGLISH)
        archive.writestr("PluginFurnitureCatalog_tr.properties", turkish)


def test_a_model_is_read_with_its_size_rotation_and_turkish_name(tmp_path: Path) -> None:
    _library(tmp_path, TURKISH)
    (model,) = read_library(SCOPIA, tmp_path)
    assert (model.name, model.name_tr, model.stem) == ("Chair", "Bahçe sandalyesi", "ext_chair")
    assert (model.width_cm, model.depth_cm, model.height_cm) == (100.0, 76.4, 73.4)
    assert model.tags == ("Seat", "Outdoor")
    assert model.rotation == (0, 0, 1, 0, 1, 0, -1, 0, 0)


def test_a_model_without_a_turkish_name_says_so(tmp_path: Path) -> None:
    _library(tmp_path, "")
    (model,) = read_library(SCOPIA, tmp_path)
    assert model.name_tr is None


def test_a_missing_library_is_refused_with_the_package_to_install(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="sweethome3d-furniture"):
        list(read_library(SCOPIA, tmp_path))


def test_every_library_has_a_licence_with_an_address_and_an_own_prefix() -> None:
    assert {library.licence for library in LIBRARIES} <= LICENCE_URLS.keys()
    assert len({library.slug for library in LIBRARIES}) == len(LIBRARIES)
