import pytest

from furniture_prompter.feeds.cells import UnusableValueError, column_name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("price", "price"),
        ("Price (EUR)", "price_eur"),
        ("  Unit-Price ", "unit_price"),
        ("Genişlik (cm)", "genislik_cm"),
        ("ÜRÜN ADI", "urun_adi"),
        ("Işık", "isik"),
        ("İndirim", "indirim"),
        ("colour", "color"),
        ("Colour", "color"),
        ("__secret", "secret"),
        ("price'; drop table", "price_drop_table"),
    ],
)
def test_a_name_becomes_an_identifier(written: str, name: str) -> None:
    assert column_name(written) == name
    assert column_name(name) == name


@pytest.mark.parametrize("written", ["", "价格", "!!!", "x" * 65])
def test_a_name_of_which_nothing_usable_is_left_is_refused_with_a_cure(written: str) -> None:
    with pytest.raises(UnusableValueError) as caught:
        column_name(written)
    assert caught.value.cure
