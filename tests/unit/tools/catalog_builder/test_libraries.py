import zipfile
from pathlib import Path

import pytest

from tools.catalog_builder.libraries import (
    LIBRARIES,
    LICENCE_URLS,
    numbered_entries,
    parse_properties,
    read_library,
)

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


def test_unicode_escapes_and_latin_1_bytes_both_become_letters() -> None:
    data = "name#1=K\\u00f6\\u015fe kanepe\nname#2=Küçük masa\n".encode("latin-1")
    assert parse_properties(data) == {"name#1": "Köşe kanepe", "name#2": "Küçük masa"}


def test_comments_and_blank_lines_are_skipped_and_spaces_trimmed() -> None:
    assert parse_properties(b"# title\n\n! more\n width#3 = 59.4 \n") == {"width#3": "59.4"}


def test_a_value_may_hold_an_equals_sign_and_a_key_may_stand_alone() -> None:
    assert parse_properties(b"a=b=c\nlonely\n") == {"a": "b=c", "lonely": ""}


def test_a_continued_line_is_refused_with_its_number() -> None:
    with pytest.raises(ValueError, match="line 2 continues"):
        parse_properties(b"a=1\ntags#1=Seat, \\\n  Chair\n")


def test_entries_are_grouped_by_their_number_and_leftovers_dropped() -> None:
    entries = {"id": "Lib", "name#2": "Bed", "name#10": "Sofa", "width#10": "2", "depth#-1": ""}
    assert numbered_entries(entries) == {2: {"name": "Bed"}, 10: {"name": "Sofa", "width": "2"}}
