"""A folder of libraries like Debian's, with one small wooden table and one broken model in it."""

import zipfile
from pathlib import Path

from tools.catalog_builder.libraries import LIBRARIES

_ENTRY = """\
id#{n}=Scopia#{stem}
name#{n}={name}
tags#{n}=Dining
category#{n}=Living room
model#{n}=/scopia/{stem}/{stem}.obj
width#{n}=120
depth#{n}=80
height#{n}=75
creator#{n}=Scopia
"""
_OBJ = """\
mtllib {stem}.mtl
usemtl oak_top
v 0 1 0
v 3 1 0
v 3 1 -2
v 0 1 -2
v 0 0 0
v 3 0 0
vt 0 0
vt 1 0
vt 1 1
f 1/1 2/2 3/3
f 1/1 3/3 4/2
f 5/1 6/2 2/3
f 5/1 2/3 1/2
"""


def write_source(folder: Path, *, with_broken: bool) -> None:
    """Write all five libraries; all but Scopia's are empty.

    With ``with_broken``, a second table names a texture that its library lacks.
    """
    entries = _ENTRY.format(n=1, stem="plain-table", name="Table")
    files = {
        "scopia/plain-table/plain-table.obj": _OBJ.format(stem="plain-table"),
        "scopia/plain-table/plain-table.mtl": "newmtl oak_top\nKd 0.6 0.4 0.2\n",
    }
    if with_broken:
        entries += _ENTRY.format(n=2, stem="broken-table", name="Round table")
        files["scopia/broken-table/broken-table.obj"] = _OBJ.format(stem="broken-table")
        files["scopia/broken-table/broken-table.mtl"] = "newmtl oak_top\nmap_Kd lost.jpg\n"
    for library in LIBRARIES:
        own = library.slug == "scopia"
        with zipfile.ZipFile(folder / library.file_name, "w") as archive:
            archive.writestr("PluginFurnitureCatalog.properties", entries if own else "")
            archive.writestr("PluginFurnitureCatalog_tr.properties", "name#1=Masa\n" if own else "")
            for name, text in files.items() if own else ():
                archive.writestr(name, text)
