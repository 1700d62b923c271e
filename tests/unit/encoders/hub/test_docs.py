from pathlib import Path

from furniture_prompter.distillation import ensemble_teacher
from furniture_prompter.encoders.hub.catalogue import TEACHERS
from furniture_prompter.encoders.registry import BUILT_FROM_PACKAGES

DOCUMENT = (Path(__file__).parents[4] / "docs" / "encoders.md").read_text("utf-8")


def test_the_document_lists_the_teachers_as_the_catalogue_does() -> None:
    section = DOCUMENT.partition("## Teachers from a model hub\n")[2].partition("\n### ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if "| `" in line]
    told = {
        name.strip("`"): (repo, dimensions.replace(",", ""), px, prompts, licence)
        for name, repo, _, dimensions, px, prompts, licence in rows
    }
    assert told == {
        name: (
            known.repo,
            str(known.dimension),
            str(known.side_px),
            "no" if known.family == "resnet" else "yes",
            known.licence,
        )
        for name, known in TEACHERS.items()
    }


def test_the_teacher_that_is_built_goes_by_one_name() -> None:
    assert BUILT_FROM_PACKAGES == ensemble_teacher.NAME
    assert f"`encoders pull {BUILT_FROM_PACKAGES}`" in DOCUMENT
