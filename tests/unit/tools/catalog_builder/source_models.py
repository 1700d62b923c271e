"""A source model for tests, with everything but the tested fields filled in."""

from pathlib import PurePosixPath

from tools.catalog_builder.libraries import LIBRARIES, SourceModel


def source_model(
    name: str,
    *,
    category: str = "Living room",
    tags: tuple[str, ...] = (),
    stem: str = "thing1",
    name_tr: str | None = "Şey",
    size_cm: tuple[float, float, float] = (100.0, 50.0, 80.0),
    rotation: tuple[float, ...] | None = None,
) -> SourceModel:
    width_cm, depth_cm, height_cm = size_cm
    return SourceModel(
        library=LIBRARIES[-1],
        model_id=f"Scopia#{stem}",
        name=name,
        name_tr=name_tr,
        category=category,
        tags=tags,
        model_path=PurePosixPath(f"scopia/{stem}/{stem}.obj"),
        width_cm=width_cm,
        depth_cm=depth_cm,
        height_cm=height_cm,
        rotation=rotation,
        creator="Scopia",
    )
