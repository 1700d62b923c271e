"""The manifest reads back equal, and refuses what it does not know."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.catalog.confidence import (
    Calibration,
    ConfidenceRecord,
    Judge,
    Logistic,
)
from furniture_prompter.catalog.manifest import (
    FORMAT_VERSION,
    SEAL,
    AlignmentRecord,
    Kept,
    Manifest,
    Replaced,
    read_manifest,
    refuse_foreign_folder,
    replace_file,
    write_manifest,
)
from furniture_prompter.domain import EncoderIdentity, Made
from furniture_prompter.errors import (
    CatalogDamagedError,
    CatalogFormatError,
    CatalogNotFoundError,
    CatalogWriteError,
)

MANIFEST = Manifest(
    version=3,
    created="2026-11-23T00:00:00+00:00",
    encoder=EncoderIdentity("e", "a" * 64, 27, "cosine", {"side_px": 48}),
    prompt_encoder=EncoderIdentity("p", "b" * 64, 256, "cosine"),
    language="turkish",
    tables={"products": 4, "photos": 9},
    columns={"price": "number"},
    products=2,
    photos=5,
    next_number=3,
    alignment=AlignmentRecord(None, None, 2, 0, "too little text"),
    vector_index=None,
)


def of_features(count: int) -> Logistic:
    return Logistic((0.5,) * count, (-1.5,) * count, 0.25)


CALIBRATED = {
    with_aligned: ConfidenceRecord(
        Calibration(
            "category",
            with_aligned,
            ((0.1,) * 27, (0.2,) * 27),
            Judge(of_features(8), -1.0, of_features(4)),
            Judge(of_features(6 + 4 * with_aligned), -1.0, of_features(4 + 2 * with_aligned)),
            Judge(of_features(14 + 4 * with_aligned), -1.0, of_features(6 + 2 * with_aligned)),
        ),
        60,
        0,
        "learned",
    )
    for with_aligned in (False, True)
}

NESTED = "[" * 300 + "]" * 300


def test_a_manifest_reads_back_equal(tmp_path: Path) -> None:
    write_manifest(tmp_path, MANIFEST)
    write_manifest(tmp_path, replace(MANIFEST, version=4))
    assert read_manifest(tmp_path) == replace(MANIFEST, version=4)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"x"',
        '{"format_version": 1}',
        '{"format_version": 1, "extra": 2}',
        "[" * 100_000,
    ],
)
def test_a_damaged_manifest_is_refused_with_the_cure(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(CatalogDamagedError, match="back-up"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "4"},
        {"version": 4.0},
        {"version": True},
        {"created": "yesterday"},
        {"encoder": {"name": "e"}},
        {"encoder": {**asdict(MANIFEST.encoder), "dimension": "27"}},
        {"encoder": {**asdict(MANIFEST.encoder), "later": 1}},
        {"alignment": {**asdict(MANIFEST.alignment), "later": 1}},
        {"alignment": {**asdict(MANIFEST.alignment), "file": "../other.npz"}},
        {"language": "klingon"},
        {"language": "\ud800"},
        {"tables": "x"},
        {"tables": {"products": "1", "photos": 9}},
        {"tables": {"products": 4, "photos": 9, "../x": 1}},
        {"columns": []},
        {"columns": {"price": "money"}},
        {"products": "2"},
        {"photos": -1},
        {"next_number": 1},
        {"checksums": "../../etc/passwd"},
        {"later": 1},
        {"encoder": {**asdict(MANIFEST.encoder), "preprocessing": {"a": json.loads(NESTED)}}},
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_value_that_no_release_writes_is_refused_with_the_cure_without_a_seal_too(
    tmp_path: Path, change: dict[str, object]
) -> None:
    raw = {**json.loads(MANIFEST.to_json()), **change}
    (tmp_path / "manifest.json").write_text(json.dumps(raw))
    with pytest.raises(CatalogDamagedError, match="back-up"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("with_aligned", [False, True])
def test_what_was_learned_of_confidence_reads_back_equal(
    tmp_path: Path, with_aligned: bool
) -> None:
    learned = CALIBRATED[with_aligned]
    assert learned.calibration is not None
    of_photos = replace(learned.calibration, prompt=None, both=None)
    for record in (learned, replace(learned, calibration=of_photos)):
        write_manifest(tmp_path, replace(MANIFEST, confidence=record))
        assert read_manifest(tmp_path).confidence == record


def put(*path: str | int) -> Callable[[Any, object], None]:
    def change(value: Any, new: object) -> None:
        for key in path[:-1]:
            value = value[key]
        value[path[-1]] = new

    return change


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (put("calibration", "nothing"), []),
        (put("calibration", "nothing"), [[]]),
        (put("calibration", "nothing", 0), [0.1] * 26),
        (put("calibration", "nothing", 1), [0.1] * 28),
        (put("calibration", "nothing", 1, 5), math.nan),
        (put("calibration", "with_aligned"), False),
        *(
            (put("calibration", asked, model, numbers), values)
            for asked in ("photo", "prompt", "both")
            for model in ("close", "hit")
            for numbers in ("means", "weights")
            for values in ([], [0.5] * 5)
        ),
        (put("calibration", "photo", "close", "means", 0), math.inf),
        (put("calibration", "prompt", "hit", "weights", 0), math.nan),
        (put("calibration", "both", "close", "weights", 0), 1e300),
        (put("calibration", "both", "hit", "intercept"), -math.inf),
        (put("calibration", "photo", "least_logit"), math.nan),
        (put("products"), -1),
        (put("changed_since"), -1),
    ],
)
def test_mutilated_numbers_of_confidence_are_refused_with_the_cure(
    tmp_path: Path, change: Callable[[Any, object], None], value: object
) -> None:
    raw = json.loads(replace(MANIFEST, confidence=CALIBRATED[True]).to_json())
    change(raw["confidence"], value)
    (tmp_path / "manifest.json").write_text(json.dumps(raw))
    with pytest.raises(CatalogDamagedError, match=r"confidence: .*catalog repair.*back-up"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("version", [0, 4, "1", None, 1.0, True])
def test_another_format_version_is_refused(tmp_path: Path, version: object) -> None:
    raw = {**json.loads(MANIFEST.to_json()), "format_version": version}
    (tmp_path / "manifest.json").write_text(json.dumps(raw))
    with pytest.raises(CatalogFormatError, match="format version"):
        read_manifest(tmp_path)


LATER: dict[str, Any] = {
    "kept": (Kept(2, {"products": 3, "photos": 8}, None, "2-a.json"),),
    "made": Made("index", "feed", 2, 0, 0, 0),
    "variants": True,
    "confidence": CALIBRATED[True],
    "feeds": ("/shop/chairs.csv", "", "lamps"),
}
FIELDS = {
    1: (
        "version created encoder prompt_encoder language tables columns products photos "
        "next_number alignment vector_index format_version folding replaced checksums"
    ),
    2: "kept made variants confidence",
    3: "feeds",
}
"""What each version of the format has; a new field needs a version of its own."""


def test_the_format_version_grows_with_what_the_manifest_says() -> None:
    assert {each.name for each in fields(Manifest)} == {
        name for names in FIELDS.values() for name in names.split()
    }, "a new field of the manifest needs a new format version"
    assert max(FIELDS) == FORMAT_VERSION
    assert {*LATER} == {*FIELDS[2].split(), *FIELDS[3].split()}


@pytest.mark.parametrize("name", [None, *LATER])
def test_a_release_of_the_first_format_says_that_it_reads_that_alone(
    tmp_path: Path, name: str | None
) -> None:
    """Such a release compares the number with its own before it looks at anything else."""
    manifest = MANIFEST if name is None else replace(MANIFEST, **{name: LATER[name]})
    write_manifest(tmp_path, manifest)
    raw = json.loads((tmp_path / "manifest.json").read_text())
    own = next(number for number in FIELDS if name is None or name in FIELDS[number].split())
    assert raw["format_version"] == manifest.format_version == own
    assert read_manifest(tmp_path) == manifest


def test_a_catalog_of_the_first_number_with_later_values_is_still_read(tmp_path: Path) -> None:
    """Builds from between the two versions wrote it so."""
    later = replace(MANIFEST, variants=True, confidence=CALIBRATED[False])
    raw = {**json.loads(later.to_json()), "format_version": 1}
    (tmp_path / "manifest.json").write_text(json.dumps(raw))
    assert read_manifest(tmp_path) == later


@pytest.mark.parametrize("part", [None, "alignment", "encoder"])
def test_what_a_newer_release_sealed_is_not_called_damaged(
    tmp_path: Path, part: str | None
) -> None:
    raw = json.loads(replace(MANIFEST, checksums="3-a.json").to_json())
    del raw[SEAL]
    (raw if part is None else raw[part])["invented_later"] = 1
    canonical = json.dumps(raw, sort_keys=True, separators=(",", ":"))
    raw[SEAL] = hashlib.sha256(canonical.encode("ascii")).hexdigest()
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(raw))
    with pytest.raises(CatalogFormatError, match=r"written by a newer release: use that one"):
        read_manifest(tmp_path)
    path.write_text(json.dumps({**raw, "language": "english"}))
    with pytest.raises(CatalogDamagedError, match="not what was written"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "replaced",
    [
        "x",
        [1],
        [{"at": "yesterday", "tables": {}, "alignments": []}],
        [{"at": "2026-11-23T00:00:00", "tables": {}, "alignments": []}],
        [{"at": "2026-11-23T00:00:00+00:00", "tables": [], "alignments": None}],
        [{"at": "2026-11-23T00:00:00+00:00", "tables": {"photos": "x"}, "alignments": []}],
    ],
)
def test_a_damaged_record_of_replaced_versions_is_refused(tmp_path: Path, replaced: object) -> None:
    raw = {**json.loads(MANIFEST.to_json()), "replaced": replaced}
    (tmp_path / "manifest.json").write_text(json.dumps(raw))
    with pytest.raises(CatalogDamagedError, match="back-up"):
        read_manifest(tmp_path)


def test_replaced_versions_are_remembered(tmp_path: Path) -> None:
    replaced = Replaced("2026-11-22T00:00:00.125+00:00", {"products": 3, "photos": 8}, ("a.npz",))
    write_manifest(tmp_path, replace(MANIFEST, replaced=(replaced,)))
    assert read_manifest(tmp_path).replaced == (replaced,)


def test_a_folding_is_recorded_where_it_is_not_the_first_and_an_unknown_one_refused(
    tmp_path: Path,
) -> None:
    assert "folding" not in json.loads(MANIFEST.to_json())
    write_manifest(tmp_path, replace(MANIFEST, folding=2))
    assert read_manifest(tmp_path) == replace(MANIFEST, folding=2)
    for folding in (0, 3, "2", True, None):
        raw = {**json.loads(MANIFEST.to_json()), "folding": folding}
        (tmp_path / "manifest.json").write_text(json.dumps(raw))
        with pytest.raises(CatalogFormatError, match="keyword index"):
            read_manifest(tmp_path)


def test_a_missing_catalog_is_named_with_the_command_that_makes_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CatalogNotFoundError, match="index"):
            read_manifest(folder)


def test_a_folder_of_other_things_is_told_from_a_catalog_that_was_begun(tmp_path: Path) -> None:
    (tmp_path / "chair.jpg").touch()
    with pytest.raises(CatalogNotFoundError, match=r"is no catalog: .*\(chair\.jpg\)"):
        read_manifest(tmp_path)
    (tmp_path / "staged_photos.lance").mkdir()
    with pytest.raises(CatalogNotFoundError, match="picks up what an interrupted run saved"):
        read_manifest(tmp_path)


def test_no_catalog_is_begun_among_other_things(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / f"{name}.jpg").touch()
    with pytest.raises(CatalogFormatError, match=r"a\.jpg, b\.jpg, c\.jpg and 2 more") as refused:
        refuse_foreign_folder(tmp_path)
    assert str(tmp_path / "catalog") in str(refused.value)


@pytest.mark.parametrize("hidden", [[], [".DS_Store", "lost+found"], ["System Volume Information"]])
def test_a_catalog_is_begun_in_a_folder_that_is_new_to_people(
    tmp_path: Path, hidden: list[str]
) -> None:
    for name in hidden:
        (tmp_path / name).mkdir()
    refuse_foreign_folder(tmp_path)


@pytest.mark.parametrize(
    "trace",
    ["manifest.json", ".writer.lock", "products.lance", "photos.lance", "staged_photos.lance"],
)
def test_a_catalog_that_a_killed_run_began_is_gone_on_with(tmp_path: Path, trace: str) -> None:
    (tmp_path / trace).mkdir()
    (tmp_path / "notes.txt").touch()
    refuse_foreign_folder(tmp_path)


def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    replace_file(tmp_path / "file", b"old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CatalogWriteError, match="No space left"):
        replace_file(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


FIRST_FORMAT = """{
  "version": 3,
  "created": "2026-11-23T00:00:00+00:00",
  "encoder": {
    "name": "e",
    "weights_sha256": "AAA",
    "dimension": 27,
    "metric": "cosine",
    "preprocessing": {
      "side_px": 48
    }
  },
  "prompt_encoder": {
    "name": "p",
    "weights_sha256": "BBB",
    "dimension": 256,
    "metric": "cosine",
    "preprocessing": {}
  },
  "language": "turkish",
  "tables": {
    "products": 4,
    "photos": 9
  },
  "columns": {
    "price": "number"
  },
  "products": 2,
  "photos": 5,
  "next_number": 3,
  "alignment": {
    "file": null,
    "fingerprint": null,
    "fitted_on": 2,
    "changed_since": 0,
    "statement": "too little text"
  },
  "vector_index": null,
  "format_version": 1
}
""".replace("AAA", "a" * 64).replace("BBB", "b" * 64)


def test_a_manifest_from_before_spaces_reads_equal_and_is_still_written_so(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(FIRST_FORMAT, "utf-8")
    assert read_manifest(tmp_path) == MANIFEST
    assert json.loads(MANIFEST.to_json()) == json.loads(FIRST_FORMAT)


def test_a_students_space_and_a_text_tower_are_remembered(tmp_path: Path) -> None:
    taught = replace(
        MANIFEST,
        encoder=replace(MANIFEST.encoder, space="c" * 64),
        alignment=replace(MANIFEST.alignment, text_tower=True),
    )
    write_manifest(tmp_path, taught)
    assert read_manifest(tmp_path) == taught
