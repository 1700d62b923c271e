import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from furniture_prompter import encoders
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.prompt_encoder import (
    LIMIT_CHARACTERS,
    LIMIT_TOKENS,
    StaticPromptEncoder,
    row_type,
)
from furniture_prompter.encoders.protocols import PromptEncoder
from furniture_prompter.errors import EncoderDamagedError, EncoderNotFoundError

SHIPPED = Path(encoders.__file__).parent / "weights" / "minilm-static-256"

UNKNOWN = "[UNK]"
WORDS = {"[PAD]": 0, UNKNOWN: 1, "red": 2, "blue": 3, "chair": 4, "of": 5}
VECTORS = [[0, 0], [5, 5], [1, 0], [0, 1], [-1, 0], [0, 0]]


def write_tiny_encoder(folder: Path) -> Path:
    folder.mkdir()
    rows = np.zeros(len(WORDS), row_type(2))
    rows["scale"] = 0.5
    rows["vector"] = VECTORS
    np.save(folder / "embeddings.npy", rows, allow_pickle=False)
    tokenizer = json.loads((SHIPPED / "tokenizer.json").read_text("utf-8"))
    tokenizer["model"]["vocab"] = WORDS
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    sign(folder)
    return folder


def sign(folder: Path) -> None:
    """Give the folder a card that fits whatever its files hold now."""
    hashes = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("embeddings.npy", "tokenizer.json")
    }
    EncoderCard(
        name="tiny",
        kind="prompt",
        dimension=2,
        licence="Apache-2.0",
        source="made by a test",
        weights_file="embeddings.npy",
        weights_sha256=hashes["embeddings.npy"],
        weights_bytes=(folder / "embeddings.npy").stat().st_size,
        other_files={"tokenizer.json": hashes["tokenizer.json"]},
        parameters=12,
        description="Six words.",
    ).save(folder)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_encoder(tmp_path / "tiny")


@pytest.fixture(scope="module")
def shipped() -> StaticPromptEncoder:
    return StaticPromptEncoder.load(SHIPPED)


def test_a_prompt_is_the_mean_of_its_words_at_unit_length(tiny: Path) -> None:
    encoder = StaticPromptEncoder.load(tiny)
    np.testing.assert_allclose(
        encoder.encode(["red", "red blue", "red red blue"]),
        [[1, 0], [0.5**0.5, 0.5**0.5], [2 / 5**0.5, 1 / 5**0.5]],
        rtol=1e-6,
    )


def test_unknown_words_count_for_nothing(tiny: Path) -> None:
    encoder = StaticPromptEncoder.load(tiny)
    np.testing.assert_array_equal(encoder.encode(["red sofa"]), encoder.encode(["red"]))


@pytest.mark.parametrize("prompt", ["", "   ", "sofa", "of", "red chair"])
def test_a_prompt_without_meaning_is_a_row_of_zeros(tiny: Path, prompt: str) -> None:
    np.testing.assert_array_equal(StaticPromptEncoder.load(tiny).encode([prompt]), [[0, 0]])


def test_no_prompts_give_no_rows(tiny: Path) -> None:
    vectors = StaticPromptEncoder.load(tiny).encode([])
    assert vectors.shape == (0, 2)
    assert vectors.dtype == np.float32


def test_one_string_is_refused_because_its_letters_are_no_prompts(tiny: Path) -> None:
    with pytest.raises(TypeError, match=r"encode\(\[prompt\]\)"):
        StaticPromptEncoder.load(tiny).encode("red")


def test_a_prompt_is_cut_after_the_documented_number_of_characters(tiny: Path) -> None:
    encoder = StaticPromptEncoder.load(tiny)
    beyond = "red" + " " * (LIMIT_CHARACTERS - 3) + "blue blue blue"
    np.testing.assert_array_equal(encoder.encode([beyond]), encoder.encode(["red"]))
    within = "red" + " " * (LIMIT_CHARACTERS - 7) + "blue"
    np.testing.assert_array_equal(encoder.encode([within]), encoder.encode(["red blue"]))


def test_a_prompt_is_cut_after_the_documented_number_of_word_pieces(tiny: Path) -> None:
    encoder = StaticPromptEncoder.load(tiny)
    beyond = "red " * LIMIT_TOKENS + "blue " * 100
    np.testing.assert_array_equal(encoder.encode([beyond]), encoder.encode(["red"]))


def test_many_prompts_keep_their_order(tiny: Path) -> None:
    encoder = StaticPromptEncoder.load(tiny)
    prompts = ["red", "", "blue", "sofa", "chair"] * 300
    once = encoder.encode(["red", "", "blue", "sofa", "chair"])
    np.testing.assert_array_equal(encoder.encode(prompts), np.tile(once, (300, 1)))


def test_a_folder_without_a_card_is_no_encoder(tmp_path: Path) -> None:
    with pytest.raises(EncoderNotFoundError, match=r"card\.json"):
        StaticPromptEncoder.load(tmp_path)


def test_altered_embeddings_are_refused(tiny: Path) -> None:
    path = tiny / "embeddings.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(EncoderDamagedError, match=r"embeddings\.npy is not the file"):
        StaticPromptEncoder.load(tiny)


@pytest.mark.parametrize("name", ["embeddings.npy", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"{", b"\x93NUMPY\x01\x00"])
def test_a_file_of_nonsense_is_refused_even_under_a_fitting_card(
    tiny: Path, name: str, content: bytes
) -> None:
    (tiny / name).write_bytes(content)
    sign(tiny)
    with pytest.raises(EncoderDamagedError, match=name):
        StaticPromptEncoder.load(tiny)


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("name", ["embeddings.npy", "tokenizer.json"])
def test_a_missing_file_is_refused(tiny: Path, name: str, verify: bool) -> None:
    (tiny / name).unlink()
    with pytest.raises(EncoderDamagedError, match=f"Cannot read .*{name}"):
        StaticPromptEncoder.load(tiny, verify=verify)


def test_embeddings_of_another_dimension_are_refused(tiny: Path) -> None:
    np.save(tiny / "embeddings.npy", np.zeros(len(WORDS), row_type(3)), allow_pickle=False)
    sign(tiny)
    with pytest.raises(EncoderDamagedError, match="not 2-component rows"):
        StaticPromptEncoder.load(tiny)


def test_a_vector_missing_for_a_word_is_refused(tiny: Path) -> None:
    np.save(tiny / "embeddings.npy", np.zeros(3, row_type(2)), allow_pickle=False)
    sign(tiny)
    with pytest.raises(EncoderDamagedError, match="6 word pieces and 3 vectors"):
        StaticPromptEncoder.load(tiny)


def test_an_image_encoder_is_no_prompt_encoder(tiny: Path) -> None:
    card = EncoderCard.load(tiny)
    image_card = dataclasses.replace(
        card, kind="image", preprocessing=encoders.card.Preprocessing(side_px=224)
    )
    image_card.save(tiny)
    with pytest.raises(EncoderNotFoundError, match="not a prompt encoder"):
        StaticPromptEncoder.load(tiny)


def test_the_shipped_encoder_is_a_prompt_encoder_of_at_most_16_megabytes(
    shipped: StaticPromptEncoder,
) -> None:
    assert isinstance(shipped, PromptEncoder)
    assert shipped.card.dimension == 256
    assert shipped.card.licence == "Apache-2.0"
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 16_000_000


@pytest.mark.parametrize(
    ("prompt", "closer", "farther"),
    [
        ("sofa", "couch", "wardrobe"),
        ("grey chair", "gray chair", "green plant"),
        ("bookcase", "bookshelf", "mirror"),
        ("white wooden stool", "a stool made of wood, white", "black leather sofa"),
    ],
)
def test_the_shipped_encoder_knows_which_furniture_is_alike(
    shipped: StaticPromptEncoder, prompt: str, closer: str, farther: str
) -> None:
    asked, near, far = shipped.encode([prompt, closer, farther])
    assert asked @ near > asked @ far + 0.1


def test_case_does_not_matter_even_in_turkish(shipped: StaticPromptEncoder) -> None:
    small, capital, typed = shipped.encode(["kırmızı ışık", "KIRMIZI IŞIK", "KiRMiZi ışık"])
    np.testing.assert_array_equal(small, capital)
    np.testing.assert_array_equal(small, typed)
    np.testing.assert_array_equal(*shipped.encode(["iskemle", "İSKEMLE"]))
    assert np.linalg.norm(small) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "prompt", ["🛋️", "🛋️🪑" * 400, "", "x" * 10_000, "chair " * 1_700, "\udcff", "\x00", "椅子"]
)
def test_odd_prompts_give_a_unit_row_or_zeros(shipped: StaticPromptEncoder, prompt: str) -> None:
    (row,) = shipped.encode([prompt])
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5) or not row.any()


def test_emoji_alone_give_zeros_and_beside_words_change_nothing(
    shipped: StaticPromptEncoder,
) -> None:
    emoji, both, words = shipped.encode(["🛋️", "🛋️ sofa", "sofa"])
    assert not emoji.any()
    np.testing.assert_array_equal(both, words)
