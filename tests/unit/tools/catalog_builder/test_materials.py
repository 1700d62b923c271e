import pytest

from tools.catalog_builder.materials import Material, parse_mtl, substance_in_title, substance_of

MTL = """\
# Blender MTL
newmtl seat_leather
Kd 0.683 0.214 0.322
Ks 0.9 0.9 0.9
d 1.000
newmtl Glass
Kd 0.2 1.4 -0.1
d -halo 0.25
newmtl Wood
map_Kd C:/Documents and Settings/jeremy/textures\\WoodFine0003_M.jpg
map_d Leaf.png
"""


def test_colour_opacity_and_texture_are_read_for_each_material() -> None:
    materials = parse_mtl(MTL)
    assert list(materials) == ["seat_leather", "Glass", "Wood"]
    assert materials["seat_leather"].diffuse == (0.683, 0.214, 0.322)
    assert materials["seat_leather"].shininess == 0.9
    assert materials["Glass"].opacity == 0.25


def test_colours_out_of_range_are_clamped() -> None:
    assert parse_mtl(MTL)["Glass"].diffuse == (0.2, 1.0, 0.0)


def test_only_the_file_name_of_a_texture_counts() -> None:
    wood = parse_mtl(MTL)["Wood"]
    assert (wood.texture, wood.opacity_texture) == ("WoodFine0003_M.jpg", "Leaf.png")


def test_a_broken_number_is_refused() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        parse_mtl("newmtl a\nKd red green blue\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("dark_oak.001", "wood"),
        ("cuero_granate", "leather"),
        ("Metal_Chrome", "metal"),
        ("patas_acero", "metal"),
        ("material_12", None),
    ],
)
def test_material_names_in_several_languages_say_the_substance(
    words: str, expected: str | None
) -> None:
    assert substance_of(words) == expected


def test_a_texture_name_tells_the_substance_too() -> None:
    assert Material("material_3", texture="WoodFine0003_M.jpg").substance == "wood"


def test_a_title_says_the_substance_only_in_words_of_its_own() -> None:
    assert substance_in_title("Teak chair") == "wood"
    assert substance_in_title("Glass table") == "glass"
    assert substance_in_title("Clothes washing machine") is None
    assert substance_in_title("Towel rack") is None
