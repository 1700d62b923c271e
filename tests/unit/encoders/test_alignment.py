import dataclasses
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from furniture_prompter.encoders.alignment import (
    FORMAT,
    PROMPT_COLOUR_LENGTH,
    Alignment,
    AlignmentQuality,
    AlignmentRefusal,
    AlignmentSettings,
    fit_alignment,
    needs_refit,
    photo_scale,
)
from furniture_prompter.encoders.card import ColourPart
from furniture_prompter.errors import CatalogDamagedError, CatalogMismatchError, CatalogWriteError

Vectors = NDArray[np.float32]

QUALITY = AlignmentQuality(
    products=50,
    candidates=10,
    recall_at_10=1,
    recall_at_10_chance=1,
    median_rank=2,
    mean_percentile=0.8,
)


def catalog(products: int, seed: int = 3) -> tuple[Vectors, Vectors, list[str]]:
    """Unit text and photo vectors that share 12 hidden directions, mixed and in noise."""
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(products, 12))
    texts = meaning @ np.random.default_rng(1).normal(size=(12, 24))
    photos = meaning @ np.random.default_rng(2).normal(size=(12, 40))
    texts += rng.normal(size=texts.shape) + 3
    photos += rng.normal(size=photos.shape) - 2
    return unit(texts), unit(photos), [f"p{index}" for index in range(products)]


def unit(rows: NDArray[np.float64]) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def fitted(products: int = 400) -> Alignment:
    outcome = fit_alignment(*catalog(products))
    assert isinstance(outcome, Alignment)
    return outcome


def refused(outcome: Alignment | AlignmentRefusal) -> AlignmentRefusal:
    assert isinstance(outcome, AlignmentRefusal)
    return outcome


def recall_at_10(alignment: Alignment, texts: Vectors, photos: Vectors) -> float:
    scores = alignment.align_prompts(texts) @ alignment.align_photos(photos).T
    ranks = np.sum(scores > np.diagonal(scores)[:, None], axis=1)
    return float(np.mean(ranks < 10))


def test_prompts_find_photos_of_products_that_were_never_seen() -> None:
    texts, photos, _ = catalog(300, seed=4)
    assert recall_at_10(fitted(), texts, photos) > 0.9


def test_the_first_direction_is_that_of_the_largest_correlation() -> None:
    texts, photos, ids = catalog(2_000)
    alignment = fit_alignment(texts, photos, ids)
    assert isinstance(alignment, Alignment)
    prompts = (texts - alignment.prompt_mean) @ alignment.prompt_map
    pictures = (photos - alignment.photo_mean) @ alignment.photo_map
    correlations = np.array(
        [np.corrcoef(prompts[:, i], pictures[:, i])[0, 1] for i in range(alignment.dimension)]
    )
    # Twelve shared directions, and a thirteenth that scaling to length 1 makes of them all.
    assert (np.diff(correlations[:13]) < 0.02).all()
    assert correlations[:13].min() > 0.5
    assert np.abs(correlations[13:]).max() < 0.3


def test_without_a_ridge_the_maps_are_those_of_plain_canonical_correlation() -> None:
    rng = np.random.default_rng(8)
    texts = rng.normal(size=(5_000, 3)).astype(np.float32)
    photos = np.column_stack([texts[:, 0] + rng.normal(size=5_000) / 2, rng.normal(size=5_000)])
    settings = AlignmentSettings(prompt_ridge_products=0, photo_ridge_products=0)
    alignment = fit_alignment(
        texts, photos.astype(np.float32), [str(i) for i in range(5_000)], settings
    )
    assert isinstance(alignment, Alignment)
    # The true correlation is 1 / sqrt(1 + 1/4); the floor on the ridge shortens it by one percent.
    length = np.linalg.norm(alignment.prompt_map[:, 0])
    assert length == pytest.approx(1.25**-0.5, abs=0.03)
    assert abs(alignment.prompt_map[0, 0]) > 0.99 * length


def test_the_quality_is_that_of_products_held_back_and_says_what_chance_is() -> None:
    quality = fitted(400).quality
    assert quality.products == 400
    assert quality.candidates == 80
    assert quality.recall_at_10_chance == pytest.approx(10 / 80)
    assert 0.9 < quality.recall_at_10 <= 1
    assert quality.median_rank < 4
    assert quality.mean_percentile > 0.95


def test_text_that_says_nothing_about_the_photos_is_refused_however_much_there_is() -> None:
    texts, photos, ids = catalog(1_000)
    shuffled = photos[np.random.default_rng(5).permutation(1_000)]
    refusal = refused(fit_alignment(texts, shuffled, ids))
    assert "the products' texts do not tell what their photos show" in refusal.reason
    assert refusal.quality is not None
    assert refusal.quality.mean_percentile == pytest.approx(0.5, abs=0.05)


def test_too_few_products_with_text_are_refused_with_the_number_needed() -> None:
    texts, photos, ids = catalog(100)
    texts[39:] = 0
    refusal = refused(fit_alignment(texts, photos, ids))
    assert "takes 40 products whose text" in refusal.reason
    assert "of 100 products 39 have such" in refusal.reason
    assert "Give more of them a title" in refusal.reason
    assert refusal.quality is None


def test_too_few_different_texts_are_refused() -> None:
    texts, photos, ids = catalog(100)
    texts[:] = texts[np.arange(100) % 9]
    reason = refused(fit_alignment(texts, photos, ids)).reason
    assert "takes 10 different texts, and this catalog has 9." in reason
    assert "colours that tell them apart" in reason


def test_a_small_catalog_whose_products_all_have_text_is_told_to_grow() -> None:
    texts, photos, ids = catalog(2)
    reason = refused(fit_alignment(texts, photos, ids)).reason
    assert reason == (
        "Words cannot search the pictures yet: that takes 40 products with text, and this catalog "
        "has 2 products in all."
    )


def test_an_empty_catalog_is_refused() -> None:
    nothing = np.zeros((0, 4), np.float32)
    reason = refused(fit_alignment(nothing, nothing, [])).reason
    assert "this catalog has 0 products in all." in reason


def test_photos_that_are_all_alike_are_refused() -> None:
    texts, photos, ids = catalog(100)
    photos[:] = photos[0]
    assert refused(fit_alignment(texts, photos, ids)).quality is not None


def test_products_without_text_change_nothing_but_their_photos_are_aligned() -> None:
    texts, photos, ids = catalog(400)
    more_texts = np.vstack([texts, np.zeros_like(texts[:50])])
    more_photos = np.vstack([photos, catalog(50, seed=9)[1]])
    alignment = fit_alignment(more_texts, more_photos, [*ids, *(f"q{i}" for i in range(50))])
    assert isinstance(alignment, Alignment)
    assert alignment.fingerprint == fitted(400).fingerprint
    assert alignment.products == 400
    lengths = np.linalg.norm(alignment.align_photos(more_photos[400:]), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_photos_of_one_product_are_held_back_together() -> None:
    # Each product is unlike every other, but its photos are one photo: only a photo of the same
    # product in the fit could help.
    rng = np.random.default_rng(6)
    texts = unit(rng.normal(size=(100, 60))).repeat(4, axis=0)
    photos = unit(rng.normal(size=(100, 60))).repeat(4, axis=0)
    ids = [f"p{index // 4}" for index in range(400)]
    refusal = refused(fit_alignment(texts, photos, ids))
    assert refusal.quality is not None
    assert refusal.quality.products == 100
    assert refusal.quality.mean_percentile < 0.6


def test_the_same_catalog_gives_the_same_alignment() -> None:
    assert fitted().fingerprint == fitted().fingerprint
    assert fitted().fingerprint != fitted(401).fingerprint


def test_lists_of_unequal_length_are_refused() -> None:
    texts, photos, ids = catalog(50)
    with pytest.raises(ValueError, match="50 texts, 49 photos and 50 ids"):
        fit_alignment(texts, photos[1:], ids)


def test_a_prompt_of_zeros_stays_zeros() -> None:
    aligned = fitted().align_prompts(np.zeros((2, 24), np.float32))
    np.testing.assert_array_equal(aligned, np.zeros((2, 24)))


def test_aligned_rows_have_unit_length_and_the_smaller_dimension() -> None:
    texts, photos, _ = catalog(30, seed=11)
    alignment = fitted()
    for rows in (alignment.align_prompts(texts), alignment.align_photos(photos)):
        assert rows.shape == (30, 24)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 23), (24,), (2, 25)])
def test_vectors_of_another_encoder_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(CatalogMismatchError, match="24 components"):
        fitted().align_prompts(np.ones(shape, np.float32))


def test_what_is_saved_comes_back_whole(tmp_path: Path) -> None:
    alignment, path = fitted(), tmp_path / "alignment.npz"
    alignment.save(path)
    loaded = Alignment.load(path)
    assert loaded.fingerprint == alignment.fingerprint
    assert loaded.quality == alignment.quality
    assert loaded.products == 400
    assert [entry.name for entry in tmp_path.iterdir()] == ["alignment.npz"]
    texts = catalog(5)[0]
    np.testing.assert_array_equal(loaded.align_prompts(texts), alignment.align_prompts(texts))


def test_saving_twice_gives_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        fitted().save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_saving_where_nothing_can_be_written_keeps_no_part(tmp_path: Path) -> None:
    with pytest.raises(CatalogWriteError, match="Make room"):
        fitted().save(tmp_path / "missing" / "alignment.npz")
    (tmp_path / "alignment.npz").mkdir()
    with pytest.raises(CatalogWriteError, match="Make room"):
        fitted().save(tmp_path / "alignment.npz")
    assert [entry.name for entry in tmp_path.iterdir()] == ["alignment.npz"]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04nonsense"])
def test_a_file_that_is_no_alignment_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "alignment.npz"
    path.write_bytes(content)
    with pytest.raises(CatalogDamagedError, match="furniture-prompter catalog repair") as refused:
        Alignment.load(path)
    assert "pickle" not in str(refused.value)


def test_a_truncated_alignment_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "alignment.npz"
    fitted().save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CatalogDamagedError, match=r"alignment\.npz"):
        Alignment.load(path)


def test_a_missing_alignment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogDamagedError, match=r"alignment\.npz"):
        Alignment.load(tmp_path / "alignment.npz")


def test_an_alignment_of_another_format_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "alignment.npz"
    monkeypatch.setattr("furniture_prompter.encoders.alignment.FORMAT", FORMAT + 1)
    fitted().save(path)
    monkeypatch.undo()
    with pytest.raises(CatalogDamagedError, match=f"format {FORMAT + 1}"):
        Alignment.load(path)


def test_maps_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "alignment.npz"
    dataclasses.replace(fitted(), photo_mean=np.zeros(7, np.float32)).save(path)
    with pytest.raises(CatalogDamagedError, match="do not fit"):
        Alignment.load(path)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "alignment.npz"
    np.savez(path, meta=np.array([object()], dtype=object))
    with pytest.raises(CatalogDamagedError, match="allow_pickle"):
        Alignment.load(path)


@pytest.mark.parametrize(
    ("fitted_on", "added", "removed", "changed", "expected"),
    [
        (1_000, 0, 0, 0, False),
        (1_000, 40, 30, 30, False),
        (1_000, 40, 30, 31, True),
        (1_000, 0, 101, 0, True),
        (0, 0, 0, 0, False),
        (0, 1, 0, 0, True),
    ],
)
def test_a_tenth_of_the_products_is_what_an_alignment_outlives(
    fitted_on: int, added: int, removed: int, changed: int, expected: bool
) -> None:
    assert needs_refit(fitted_on, added=added, removed=removed, changed=changed) is expected


def test_a_pair_of_weight_two_counts_as_two_pairs() -> None:
    texts, photos, ids = catalog(200)
    doubled = np.ones(200, np.float32)
    doubled[:20] = 2
    weighted = fit_alignment(texts, photos, ids, weights=doubled)
    repeated = fit_alignment(
        np.concatenate([texts, texts[:20]]),
        np.concatenate([photos, photos[:20]]),
        [*ids, *ids[:20]],
    )
    assert isinstance(weighted, Alignment)
    assert isinstance(repeated, Alignment)
    np.testing.assert_allclose(
        weighted.align_prompts(texts) @ weighted.align_photos(photos).T,
        repeated.align_prompts(texts) @ repeated.align_photos(photos).T,
        atol=1e-5,
    )


def test_a_decomposition_that_lapack_gives_up_on_is_found_another_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts, photos, ids = catalog(200)
    usual = fit_alignment(texts, photos, ids)

    def give_up(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError("SVD did not converge")

    monkeypatch.setattr(np.linalg, "svd", give_up)
    other = fit_alignment(texts, photos, ids)
    assert isinstance(usual, Alignment)
    assert isinstance(other, Alignment)
    np.testing.assert_allclose(
        other.align_prompts(texts) @ other.align_photos(photos).T,
        usual.align_prompts(texts) @ usual.align_photos(photos).T,
        atol=1e-4,
    )


def test_a_scale_of_photos_is_in_the_maps() -> None:
    texts, photos, ids = catalog(120)
    scale = np.linspace(0.2, 3, photos.shape[1]).astype(np.float32)
    folded = fit_alignment(texts, photos, ids, photo_scale=scale)
    scaled = fit_alignment(texts, photos * scale, ids)
    assert isinstance(folded, Alignment)
    assert isinstance(scaled, Alignment)
    np.testing.assert_allclose(
        folded.align_photos(photos), scaled.align_photos(photos * scale), atol=1e-5
    )
    assert folded.quality == scaled.quality


def test_colours_are_brought_to_one_length_whatever_their_share() -> None:
    for share in (0.05, 0.5):
        scale = photo_scale(ColourPart(2, share), 5)
        lengths = np.sqrt(np.array([1 - share] * 3 + [share] * 2)) * scale
        assert scale[:3].tolist() == [1, 1, 1]
        np.testing.assert_allclose(lengths[3] / lengths[0], PROMPT_COLOUR_LENGTH, rtol=1e-5)
    assert photo_scale(None, 4).tolist() == [1, 1, 1, 1]


def test_pairs_that_share_rows_are_fitted_as_if_they_were_written_out() -> None:
    texts, photos, ids = catalog(80)
    half = photos.astype(np.float16)
    rows = (np.tile(np.arange(80), 2), np.tile(np.arange(80)[::-1], 2)[::-1])
    weights = np.repeat(np.array([1, 0.5], np.float32), 80)
    shared = fit_alignment(texts, half, [*ids, *ids], rows=rows, weights=weights)
    written = fit_alignment(
        texts[rows[0]], half[rows[1]].astype(np.float32), [*ids, *ids], weights=weights
    )
    assert isinstance(shared, Alignment)
    assert isinstance(written, Alignment)
    assert shared.fingerprint == written.fingerprint


def test_the_memory_of_a_fit_hardly_grows_with_its_pairs() -> None:
    rng = np.random.default_rng(0)

    def peak(count: int) -> int:
        texts = rng.normal(size=(count, 64)).astype(np.float32)
        photos = rng.normal(size=(count, 96)).astype(np.float16)
        ids = np.tile(np.arange(count).astype("U5"), 2)
        rows = (np.tile(np.arange(count), 2), np.tile(np.arange(count), 2))
        tracemalloc.start()
        try:
            fit_alignment(texts, photos, ids, rows=rows)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # What the vectors themselves take is 448 bytes a row, and no copy of them is made.
    assert (peak(22_000) - peak(12_000)) / 10_000 < 300
