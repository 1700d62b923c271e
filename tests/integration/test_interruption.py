"""A killed or starved run leaves the previous version as it was, and the next run resumes."""

import asyncio
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.catalog.columns import STAGED, VECTOR, vector_array
from furniture_prompter.catalog.storage import connect
from furniture_prompter.catalog.upkeep import verify_catalog
from furniture_prompter.catalog.writer import CatalogWriter
from furniture_prompter.domain import Query
from furniture_prompter.errors import CatalogWriteError
from tests.fakes import make_rows
from tests.integration.conftest import Shop

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "kill_while_indexing.py"


def _run(shop: Shop, photos: Path, step: str, done: int, limit_bytes: int | None = None) -> int:
    def limit() -> None:
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    # The limit has to be set in the child before it starts; nothing else runs there.
    command = [sys.executable, str(SCRIPT), str(shop.folder), str(photos), "48", step, str(done)]
    finished = subprocess.run(
        command,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
    )
    if limit_bytes is not None:
        assert "CatalogWriteError" in finished.stderr, finished.stderr
        assert "previous version" in finished.stderr
    return finished.returncode


MOMENTS = [
    ("checking", 20),
    ("checking", 48),
    ("reading", 40),
    ("writing", 0),
    ("writing", 40),
    ("indexing", 0),
    ("indexing", 1),
]


@pytest.mark.parametrize(("step", "done"), MOMENTS)
def test_a_run_killed_while_updating_leaves_the_previous_version_searchable(
    shop: Shop, tmp_path: Path, step: str, done: int
) -> None:
    photos = tmp_path / "photos"
    rows = make_rows(photos)
    query = Query(photo=np.asarray(Image.open(rows[3].images[0]).convert("RGB")), limit=8)
    shop.index(rows[:8])
    before = shop.search(query)
    assert _run(shop, photos, step, done) == -signal.SIGKILL
    after = shop.search(query)
    assert after.catalog == before.catalog
    assert [hit.product.id for hit in after.hits] == [hit.product.id for hit in before.hits]
    shop.encoder.encoded = 0
    summary = shop.index(rows)
    assert (summary.version, summary.products, summary.photos) == (2, 48, 48)
    # Progress is saved every eight photos here; 40 were new.
    saved = {"reading": 0, "checking": max(0, (done - 8) // 8 * 8 - 8)}.get(step, 40)
    assert shop.encoder.encoded <= 40 - saved


@pytest.mark.parametrize(("step", "done"), [("checking", 20), ("writing", 40), ("indexing", 1)])
def test_a_first_run_that_was_killed_is_resumed(
    shop: Shop, tmp_path: Path, step: str, done: int
) -> None:
    photos = tmp_path / "photos"
    rows = make_rows(photos)
    assert _run(shop, photos, step, done) == -signal.SIGKILL
    assert not (shop.folder / "manifest.json").exists()
    summary = shop.index(rows)
    assert (summary.version, summary.products) == (1, 48)
    assert shop.encoder.encoded < 48


def test_a_full_disk_leaves_the_previous_version_searchable(shop: Shop, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    rows = make_rows(photos)
    shop.index(rows[:8])
    before = shop.search(Query(prompt="chair"))
    assert _run(shop, photos, "never", 0, limit_bytes=2_000) == 1
    after = shop.search(Query(prompt="chair"))
    assert after.catalog == before.catalog
    assert [hit.product.id for hit in after.hits] == [hit.product.id for hit in before.hits]
    assert shop.index(rows).products == 48


def test_a_staged_table_that_was_never_finished_is_dropped(shop: Shop, tmp_path: Path) -> None:
    (shop.folder / "staged_photos.lance").mkdir(parents=True)
    assert shop.index(make_rows(tmp_path / "photos")).products == 48


def _overwrite_vectors(folder: Path) -> None:
    async def overwrite() -> None:
        database = await connect(folder.parent)
        table = await database.open_table(STAGED)
        schema, rows = await table.schema(), await table.query().to_arrow()
        zeros = vector_array(np.zeros((rows.num_rows, 27), np.float32))
        rows = rows.set_column(rows.schema.get_field_index(VECTOR), VECTOR, zeros)
        await database.create_table(
            STAGED, rows.replace_schema_metadata(schema.metadata), mode="overwrite"
        )

    asyncio.run(overwrite())


def _replace_by_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"x")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": lambda folder: [
        path.write_bytes(path.read_bytes()[:200]) for path in (folder / "data").iterdir()
    ],
    "zeroed": lambda folder: [
        path.write_bytes(bytes(path.stat().st_size)) for path in (folder / "data").iterdir()
    ],
    "deleted": lambda folder: shutil.rmtree(folder / "data"),
    "vectors zeroed": _overwrite_vectors,
    "a file": _replace_by_file,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_staged_vectors_that_a_power_cut_damaged_are_encoded_anew(
    shop: Shop, tmp_path: Path, damage: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_rows(tmp_path / "photos")
    shop.index(rows[:8])
    with monkeypatch.context() as patch:
        patch.setattr(CatalogWriter, "apply", _stopped)
        with pytest.raises(CatalogWriteError):
            shop.index(rows)
    shop.encoder.encoded = 0
    damage(shop.folder / "staged_photos.lance")
    assert shop.index(rows).products == 48
    assert shop.encoder.encoded == 40
    assert asyncio.run(verify_catalog(shop.folder)).sound
    photo = np.asarray(Image.open(rows[9].images[0]).convert("RGB"))
    assert shop.ids(Query(photo=photo, limit=1)) == ["p9"]


async def _stopped(*_: object, **__: object) -> None:
    raise CatalogWriteError("stopped")
