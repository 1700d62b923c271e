"""The installed command with a teacher of a hub: pull, index, search by words and by photo."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.encoders.hub.encoder import load_hub_encoder
from tests.tiny_checkpoints import save_siglip

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).with_name("furniture-prompter")
Shop = Callable[..., subprocess.CompletedProcess[str]]


def _picture(number: int) -> Image.Image:
    """Coarse patches of colour, which even random weights tell apart."""
    patches = np.random.default_rng(number).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    return Image.fromarray(patches.repeat(24, axis=0).repeat(24, axis=1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    save_siglip(folder / "download")
    (folder / "photos").mkdir()
    for number in range(24):
        _picture(number).save(folder / "photos" / f"product-{number:02d}.png")
    return folder


@pytest.fixture(scope="module")
def shop(folder: Path) -> Shop:
    """The console script with an empty home, after the teacher was pulled and a folder indexed."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        # Nothing but the text tower ranks, so that its order can be told.
        "FURNITURE_PROMPTER_WEIGHT_KEYWORD": "0",
        "FURNITURE_PROMPTER_WEIGHT_PROMPT_TEXT": "0",
        "FURNITURE_PROMPTER_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [COMMAND, *words],
            capture_output=True,
            encoding="utf-8",
            cwd=folder,
            env=environment,
            timeout=240,
        )
        assert "Warning" not in done.stderr
        return done

    pulled = run("encoders", "pull", "tiny", "--from", "download")
    assert pulled.returncode == 0, pulled.stderr
    indexed = run("index", "photos", "--catalog", "catalog", "--encoder", "tiny")
    assert indexed.returncode == 0, indexed.stderr
    return run


def test_the_teacher_lies_in_the_cache_of_its_user_and_is_listed(shop: Shop, folder: Path) -> None:
    place = folder / ".cache" / "furniture-prompter" / "encoders" / "tiny"
    assert (place / "model.safetensors").is_file()
    listed = json.loads(shop("encoders", "--json").stdout)
    assert "tiny" in {card["name"] for card in listed}
    shown = json.loads(shop("encoders", "show", "tiny", "--json").stdout)
    assert shown == next(card for card in listed if card["name"] == "tiny")


def test_prompts_reach_the_photos_through_the_teachers_own_text_tower(
    shop: Shop, folder: Path
) -> None:
    # Small words are not embedded.
    prompt = "white oak chair"
    done = shop(
        *("search", prompt, "--catalog", "catalog", "--json", "-k", "24", "--diversity", "0")
    )
    assert done.returncode == 0, done.stderr
    hits = json.loads(done.stdout)["hits"]

    encoder = load_hub_encoder(
        folder / ".cache" / "furniture-prompter" / "encoders" / "tiny", device="cpu", threads=1
    )
    photos = [np.asarray(_picture(number)) for number in range(24)]
    likeness = encoder.encode(photos) @ encoder.encode_prompts([prompt])[0]
    wanted = [f"product-{number:02d}.png" for number in np.argsort(-likeness)]
    assert [hit["product"]["id"] for hit in hits][:5] == wanted[:5]


def test_the_exported_image_side_asks_the_teachers_catalog(shop: Shop, folder: Path) -> None:
    exported = shop("encoders", "export", "tiny", "--out", "tiny-onnx")
    assert exported.returncode == 0, exported.stderr
    assert "--text-tower tiny" in exported.stderr.replace("\n", " ")
    assert "INFO" not in exported.stderr
    assert "Skipping" not in exported.stderr
    assert {path.name for path in (folder / "tiny-onnx").iterdir()} == {"card.json", "encoder.onnx"}

    words = ("--photo", "photos/product-07.png", "--catalog", "catalog", "--encoder", "tiny-onnx")
    done = shop("search", *words, "--json", "-k", "3")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hits"][0]["product"]["id"] == "product-07.png"
