from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from tools.prompt_encoder_builder.build import (
    LIMIT_BYTES,
    NAME,
    move_into_place,
    require_size,
    write_encoder,
)
from tools.prompt_encoder_builder.checks import CheckFailedError
from tools.prompt_encoder_builder.distil import Distilled, Source, fold_turkish_i

UNKNOWN = "[UNK]"
WORDS = {"[PAD]": 0, UNKNOWN: 1, "kirmizi": 2, "chair": 3}


def distilled() -> Distilled:
    tokenizer = Tokenizer(models.WordPiece(WORDS, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.enable_padding()
    tokenizer.enable_truncation(1)
    embeddings = np.array([[0, 0], [0, 0], [3, 4], [1, 0]], np.float32)
    return Distilled(embeddings, fold_turkish_i(tokenizer), reference=None)


def test_what_is_written_is_an_encoder_that_reads_turkish(tmp_path: Path) -> None:
    source = Source(folder=tmp_path, version="1.2", sha256={"model.safetensors": "0" * 64})
    folder = tmp_path / NAME
    folder.mkdir()
    card = write_encoder(folder, distilled(), source, figures={"triplets": 1.0})
    encoder = StaticPromptEncoder.load(folder)
    assert encoder.card == card
    assert card.parameters == 8
    assert "1.2" in card.source
    np.testing.assert_allclose(
        encoder.encode(["KIRMIZI", "kırmızı", "Kirmızı", "chair chair"]),
        [[0.6, 0.8], [0.6, 0.8], [0.6, 0.8], [1.0, 0.0]],
        atol=4e-3,
    )


def test_an_encoder_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "embeddings.npy").write_bytes(b"0" * LIMIT_BYTES)
    require_size(tmp_path)
    (tmp_path / "card.json").write_bytes(b"0")
    with pytest.raises(CheckFailedError, match="fewer dimensions"):
        require_size(tmp_path)


def test_the_new_encoder_replaces_the_old_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    built, target = tmp_path / "built", tmp_path / "target"
    for folder, text in ((built, "new"), (target, "old")):
        folder.mkdir()
        for name in ("card.json", "embeddings.npy"):
            (folder / name).write_text(text)
    (target / "left-over.bin").write_text("old")
    move_into_place(built, target)
    assert {path.name: path.read_text() for path in target.iterdir()} == {
        "card.json": "new",
        "embeddings.npy": "new",
    }
