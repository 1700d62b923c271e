"""One space, several encoders: students ask their teacher's catalog, text towers take prompts."""

import io
import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from furniture_prompter import Catalog, Settings, index
from furniture_prompter.cli.batch import answer_batch_file
from furniture_prompter.domain import IndexSummary, SearchResult
from furniture_prompter.encoders import registry
from furniture_prompter.encoders.card import EmbeddingSpace, EncoderCard, identity_of
from furniture_prompter.errors import (
    CatalogMismatchError,
    EncoderError,
    EncoderNotFoundError,
)
from furniture_prompter.search.confidence import NO_KIND_ASKED
from tests import fakes
from tests.fakes import ColourEncoder, ColourTeacher, colour_card, make_rows

TEACHER = colour_card(encodes_prompts=True)
TEACHERS_SPACE = EmbeddingSpace(TEACHER.name, identity_of(TEACHER).space_id)


@dataclass
class Showroom:
    """A feed, encoders on disk, and every fake that was loaded from there, by name."""

    folder: Path
    settings: Settings
    loaded: dict[str, ColourEncoder]

    def encoder(self, card: EncoderCard) -> str:
        """Put an encoder on disk; returns its folder as a person would name it."""
        folder = self.folder / "students" / card.name
        folder.mkdir(parents=True)
        card.save(folder)
        return str(folder)

    def index(self, encoder: str | None = "colour-teacher") -> IndexSummary:
        self.loaded.clear()
        summary = index(
            self.folder / "feed.jsonl",
            self.folder / "catalog",
            settings=self.settings,
            encoder=encoder,
        )
        self.loaded.clear()
        return summary

    def open(self, encoder: str | None = None, text_tower: str | None = None) -> Catalog:
        return Catalog.open(
            self.folder / "catalog",
            settings=self.settings,
            encoder=encoder,
            text_tower=text_tower,
        )

    def photo(self, number: int) -> Path:
        return self.folder / "photos" / f"{number}.png"

    @property
    def teacher(self) -> ColourTeacher:
        loaded = self.loaded["colour-teacher"]
        assert isinstance(loaded, ColourTeacher)
        return loaded


@pytest.fixture
def showroom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Showroom:
    """96 products of which the last 24 have no text; the teacher lies in the cache."""
    loaded: dict[str, ColourEncoder] = {}

    def load(
        folder: Path, *, threads: int | None = None, device: str | None = None
    ) -> ColourEncoder:
        encoder = fakes.load_colour_encoder(folder, threads=threads)
        assert encoder.card.name not in loaded, "an encoder is loaded once for a catalog"
        loaded[encoder.card.name] = encoder
        return encoder

    monkeypatch.setattr(fakes, "load", load, raising=False)
    factories = {**registry.FACTORIES, "hub": "tests.fakes:load"}
    monkeypatch.setattr(registry, "FACTORIES", factories)
    cache = tmp_path / "cache"
    (cache / TEACHER.name).mkdir(parents=True)
    TEACHER.save(cache / TEACHER.name)
    lines = []
    for place, row in enumerate(make_rows(tmp_path / "photos", 96)):
        product = row.product
        words = {"title": product.title, "category": product.category, "color": product.color}
        image = f"photos/{row.images[0].name}"
        known = words if place < 72 else {"title": "-"}
        lines.append(json.dumps({"id": product.id, "image": image, **known}))
    (tmp_path / "feed.jsonl").write_text("\n".join(lines), "utf-8")
    return Showroom(tmp_path, Settings(encoder_cache=cache, threads=1), loaded)


def ids(result: SearchResult) -> list[str]:
    return [hit.product.id for hit in result.hits]


def colour_of(product_id: str) -> str:
    return list(fakes.COLOURS)[int(product_id[1:]) % len(fakes.COLOURS)]


def student(name: str = "colour-student", weights: str = "2", **changes: object) -> EncoderCard:
    return colour_card(name, weights, **{"space": TEACHERS_SPACE, **changes})  # type: ignore[arg-type]  # any field


def test_a_student_answers_its_teachers_catalog_as_the_teacher_does(showroom: Showroom) -> None:
    showroom.index()
    with showroom.open() as by_teacher:
        expected = by_teacher.search(photo=showroom.photo(12), limit=4)
    with showroom.open(showroom.encoder(student())) as by_student:
        found = by_student.search(photo=showroom.photo(12), limit=4)
    assert ids(found) == ids(expected)
    assert found.hits[0].product.id == "p12"
    assert expected.notes == ()
    assert found.notes == (
        "Photos were embedded by colour-teacher; this query by colour-student, its student.",
    )
    assert found.catalog.encoder == "colour-teacher"


def test_the_agreement_on_the_students_card_is_told(showroom: Showroom) -> None:
    showroom.index()
    taught = student(figures={"asymmetric_overlap_at_10": 0.9312})
    with showroom.open(showroom.encoder(taught)) as catalog:
        result = catalog.search(photo=showroom.photo(3))
    note = (
        "Photos were embedded by colour-teacher; this query by colour-student, its student: "
        "agreement with the teacher 0.93 overlap@10 (card)."
    )
    assert result.notes == (note,)


def test_a_prompt_alone_says_nothing_of_the_photo_encoder(showroom: Showroom) -> None:
    showroom.index()
    with showroom.open(showroom.encoder(student())) as catalog:
        assert catalog.search("red chair").notes == ()
    assert "colour-student" not in showroom.loaded


def test_every_line_of_a_batch_is_asked_by_the_student(showroom: Showroom) -> None:
    showroom.index()
    queries = showroom.folder / "queries.jsonl"
    queries.write_text('{"photo": "photos/12.png", "limit": 1}\n{"photo": "photos/6.png"}\n')
    written = io.BytesIO()
    out = io.TextIOWrapper(written, "utf-8")
    with showroom.open(showroom.encoder(student())) as catalog, redirect_stdout(out):
        assert answer_batch_file(catalog, queries, {"limit": 3}) == 0
    answers = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [found["hits"][0]["product"]["id"] for found in answers] == ["p12", "p6"]
    assert all("its student" in found["notes"][0] for found in answers)
    assert len(showroom.loaded["colour-student"].seen) == 2


@pytest.mark.parametrize(
    "stranger",
    [
        colour_card("stranger", "3"),
        student("stranger", "3", space=EmbeddingSpace("another-teacher", "9" * 64)),
    ],
)
def test_an_encoder_of_another_space_is_refused_with_both_names(
    showroom: Showroom, stranger: EncoderCard
) -> None:
    showroom.index()
    named = stranger.space.name if stranger.space else "stranger"
    with pytest.raises(
        CatalogMismatchError,
        match=rf"space of colour-teacher; stranger \(33-d, 3{{12}}\) lies in the space of {named}",
    ):
        showroom.open(showroom.encoder(stranger))


def test_the_teacher_and_another_student_may_ask_a_students_catalog(showroom: Showroom) -> None:
    showroom.index(showroom.encoder(student()))
    other = showroom.encoder(student("other-student", "4"))
    for encoder, relation in (("colour-teacher", "its teacher"), (other, "of the same space")):
        with showroom.open(encoder) as catalog:
            result = catalog.search(photo=showroom.photo(5), limit=1)
        assert ids(result) == ["p5"]
        assert result.notes[0].endswith(f", {relation}.")
    stranger = showroom.encoder(colour_card("stranger", "3"))
    with pytest.raises(CatalogMismatchError, match="lie in space "):
        showroom.open(stranger)


def test_indexing_with_a_student_into_its_teachers_catalog_is_refused(showroom: Showroom) -> None:
    showroom.index()
    with pytest.raises(CatalogMismatchError, match="--encoder"):
        showroom.index(showroom.encoder(student()))


@pytest.mark.parametrize(("teacher_px", "student_px"), [(16, 512), (512, 16)])
def test_a_query_photo_is_decoded_for_the_encoder_that_asks(
    showroom: Showroom, teacher_px: int, student_px: int
) -> None:
    # A JPEG decodes at eighths of its size: at 250 px for 16, at 750 px for 512.
    photo = showroom.folder / "large.jpg"
    Image.new("RGB", (2_000, 2_000), "red").save(photo)
    teacher = colour_card("other-teacher", side_px=teacher_px)
    showroom.index(showroom.encoder(teacher))
    space = EmbeddingSpace(teacher.name, identity_of(teacher).space_id)
    asking = student(side_px=student_px, space=space)
    with showroom.open(showroom.encoder(asking)) as catalog:
        catalog.search(photo=photo, whole=True)
    (shape,) = showroom.loaded["colour-student"].seen
    assert student_px <= shape[0] < max(2 * student_px, 256)


def test_a_text_tower_takes_prompts_to_photos_without_an_alignment(showroom: Showroom) -> None:
    summary = showroom.index()
    assert summary.notes[0] == "Prompts go through colour-teacher's own text tower."
    assert not list((showroom.folder / "catalog").rglob("*.npz"))
    with showroom.open() as catalog:
        silent = catalog.search("something blue", where="category is null", limit=4)
        both = catalog.search("yellow", photo=showroom.photo(7), without="red")
        assert "own text tower" in catalog.info().alignment
        assert catalog.verify().sound
    assert {colour_of(found) for found in ids(silent)} == {"blue"}
    assert silent.hits[0].matched == ("prompt-photo",)
    told = (*silent.notes, *both.notes)
    assert not [note for note in told if "tower" in note or "fitted" in note]
    assert "prompt-photo" in both.hits[0].contributions
    assert showroom.teacher.asked == ["blue", "yellow", "red"]


def test_a_second_run_leaves_a_text_towers_catalog_without_an_alignment(
    showroom: Showroom,
) -> None:
    showroom.index()
    feed = showroom.folder / "feed.jsonl"
    feed.write_text(feed.read_text("utf-8").replace("sofa", "couch"), "utf-8")
    summary = showroom.index()
    assert summary.version == 2
    assert summary.notes[0] == "Prompts go through colour-teacher's own text tower."


def test_a_students_query_photo_and_its_teachers_text_tower_work_together(
    showroom: Showroom,
) -> None:
    showroom.index()
    with showroom.open(showroom.encoder(student())) as catalog:
        result = catalog.search("blue", photo=showroom.photo(7), photo_weight=0.1, limit=4)
    assert {colour_of(found) for found in ids(result)} == {"blue"}
    assert showroom.teacher.asked == ["blue"]
    assert showroom.teacher.seen == []


def test_where_the_tower_of_a_catalog_is_gone_prompts_say_so(showroom: Showroom) -> None:
    showroom.index()
    for path in (showroom.settings.encoder_cache / "colour-teacher").iterdir():
        path.unlink()
    with pytest.raises(EncoderNotFoundError, match=r"embedded by colour-teacher.*--encoder"):
        showroom.open()
    with showroom.open(showroom.encoder(student())) as catalog:
        result = catalog.search("red chair")
    assert result.hits[0].product.color == "red"
    assert "prompt-photo" not in result.hits[0].contributions
    note = (
        "Prompts cannot search photos: in this catalog they go through colour-teacher's own text "
        "tower, and colour-teacher is not here. Pull it, or name its folder with --text-tower."
    )
    assert result.notes == (note,)


def index_by_student(showroom: Showroom) -> str:
    folder = showroom.encoder(student())
    summary = showroom.index(folder)
    assert "fitted on" in summary.notes[0]
    return folder


def test_a_students_catalog_fits_its_alignment_and_answers_by_it(showroom: Showroom) -> None:
    folder = index_by_student(showroom)
    with showroom.open(folder) as catalog:
        result = catalog.search("blue", where="category is null", limit=4)
    assert "prompt-photo" in result.hits[0].contributions
    # "Blue" names no kind.
    assert result.notes == (NO_KIND_ASKED,)
    assert showroom.loaded == {}


@pytest.mark.parametrize("where", ["argument", "settings"])
def test_a_students_catalog_takes_prompts_through_its_teachers_text_tower(
    showroom: Showroom, where: str
) -> None:
    folder = index_by_student(showroom)
    if where == "settings":
        showroom.settings = showroom.settings.model_copy(update={"text_tower": "colour-teacher"})
    with showroom.open(folder, "colour-teacher" if where == "argument" else None) as catalog:
        result = catalog.search("something blue", where="category is null", limit=4)
    assert {colour_of(found) for found in ids(result)} == {"blue"}
    assert showroom.teacher.asked == ["blue"]


def test_a_text_tower_of_another_space_is_refused(showroom: Showroom) -> None:
    folder = index_by_student(showroom)
    other = showroom.encoder(colour_card("other-tower", "5", encodes_prompts=True))
    with pytest.raises(CatalogMismatchError, match="lies in the space of other-tower"):
        showroom.open(folder, other)


def test_an_encoder_without_a_text_tower_cannot_be_one(showroom: Showroom) -> None:
    folder = index_by_student(showroom)
    with pytest.raises(EncoderNotFoundError, match="no text tower"):
        showroom.open(folder, folder)


def test_a_tower_that_is_not_there_is_refused_before_anything_is_searched(
    showroom: Showroom,
) -> None:
    folder = index_by_student(showroom)
    with pytest.raises(EncoderNotFoundError, match="siglip9"):
        showroom.open(folder, "siglip9")


def test_a_tower_whose_extra_is_missing_says_the_pip_line_when_a_prompt_comes(
    showroom: Showroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = index_by_student(showroom)

    def without_torch(
        path: Path, *, threads: int | None = None, device: str | None = None
    ) -> ColourEncoder:
        if path.name != "colour-teacher":
            return fakes.load_colour_encoder(path, threads=threads)
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(fakes, "load", without_torch)
    with showroom.open(folder, "colour-teacher") as catalog:
        assert ids(catalog.search(photo=showroom.photo(5), limit=1)) == ["p5"]
        with pytest.raises(EncoderError, match=r"pip install -e '\.\[hub\]'"):
            catalog.search("red")


def test_unknown_words_and_pixels_are_answered_too(showroom: Showroom) -> None:
    showroom.index()
    pixels = np.asarray(Image.open(showroom.photo(12)).convert("RGB"))
    with showroom.open() as catalog:
        assert ids(catalog.search(photo=pixels, limit=1)) == ["p12"]
        assert len(catalog.search("xqzzt", limit=3).hits) == 3


def test_a_catalog_of_one_encoder_is_written_as_before_spaces(showroom: Showroom) -> None:
    alone = showroom.encoder(colour_card("alone", "7"))
    showroom.index(alone)
    written = (showroom.folder / "catalog" / "manifest.json").read_text("utf-8")
    assert '"space"' not in written
    assert '"text_tower"' not in written
    with showroom.open(alone) as catalog:
        assert ids(catalog.search(photo=showroom.photo(12), limit=1)) == ["p12"]
    assert showroom.index(alone).products_unchanged == 96


def test_indexing_again_takes_the_catalogs_own_encoder_unless_another_is_named(
    showroom: Showroom,
) -> None:
    assert showroom.index().products_added == 96
    assert showroom.index(encoder=None).products_unchanged == 96
    with pytest.raises(CatalogMismatchError, match="come from colour-teacher"):
        showroom.index(encoder="default")
    showroom.settings = showroom.settings.model_copy(update={"encoder": "default-r18-nowhere"})
    for use in (lambda: showroom.index(encoder=None), showroom.open):
        with pytest.raises(EncoderNotFoundError, match="no encoder 'default-r18-nowhere'"):
            use()
