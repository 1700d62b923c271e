"""What is known of Lance's own files."""

import asyncio
from pathlib import Path

import lancedb
import pyarrow as pa

from furniture_prompter.catalog.lance_files import (
    _lance_messages,
    damaged_rows,
    lance_manifest_path,
    lance_versions,
    table_files,
    unreadable_references,
)


def test_the_messages_of_lance_are_made_once() -> None:
    # Each making takes milliseconds, and a catalog's check reads hundreds of them.
    assert _lance_messages() is _lance_messages()


LAST = 2**64 - 1


def some(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / "photos.lance" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_a_version_is_named_forwards_or_backwards(tmp_path: Path) -> None:
    folder = some(tmp_path, "_versions/7.manifest", f"_versions/{LAST - 9}.manifest")
    forwards = "photos.lance/_versions/7.manifest"
    backwards = f"photos.lance/_versions/{LAST - 9}.manifest"
    assert lance_manifest_path(folder, "photos", 7) == forwards
    assert lance_manifest_path(folder, "photos", 9) == backwards
    # One that is not there would be named as new ones are.
    assert lance_manifest_path(folder, "photos", 8).endswith(f"/{LAST - 8}.manifest")
    some(tmp_path, "_versions/d7.manifest", "_versions/8.txt")
    assert sorted(lance_versions(folder, "photos")) == [
        (7, folder / forwards),
        (9, folder / backwards),
    ]


def test_tags_and_branches_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    place = some(tmp_path, "_refs/tags/empty.json") / "photos.lance" / "_refs"
    (place / "branches").mkdir()
    for name, content in {
        "tags/sound.json": '{"version": 3}',
        "tags/text.json": '{"version": "3"}',
        "tags/list.json": "[3]",
        "tags/other.json": '{"parentVersion": 3}',
        "branches/sound.json": '{"parentVersion": 3}',
        "branches/other.json": '{"version": 3}',
    }.items():
        (place / name).write_text(content)
    found = {
        path.relative_to(place).as_posix() for path in unreadable_references(tmp_path, "photos")
    }
    assert found == {
        "tags/empty.json",
        "tags/text.json",
        "tags/list.json",
        "tags/other.json",
        "branches/other.json",
    }


def test_rows_lie_in_the_damaged_files_of_their_fragments(tmp_path: Path) -> None:
    async def written() -> int:
        database = await lancedb.connect_async(tmp_path)
        table = await database.create_table("photos", pa.table({"n": list(range(5))}))
        await table.add(pa.table({"n": list(range(5, 8))}))
        await table.delete("n = 1")
        await table.add(pa.table({"n": [8]}))
        return int(await table.version())

    version = asyncio.run(written())
    files = table_files(tmp_path, "photos", version)
    data = sorted(name for name in files if "/data/" in name)
    assert len(data) == 3
    assert lance_manifest_path(tmp_path, "photos", version) in files
    assert all((tmp_path / name).is_file() for name in files)
    one_by_one = [damaged_rows(tmp_path, "photos", version, [name]) for name in data]
    # Of the first five rows one was deleted.
    assert sorted(map(str, one_by_one)) == ["[range(0, 4)]", "[range(4, 7)]", "[range(7, 8)]"]
    assert damaged_rows(tmp_path, "photos", version, []) == []
    assert len(damaged_rows(tmp_path, "photos", version, data)) == 3
    (deletion,) = (name for name in files if "/_deletions/" in name)
    assert damaged_rows(tmp_path, "photos", version, [deletion]) == [range(4)]
    manifest = tmp_path / lance_manifest_path(tmp_path, "photos", version)
    manifest.write_bytes(b"")
    (all_of_them,) = damaged_rows(tmp_path, "photos", version, [])
    assert 10**12 in all_of_them
