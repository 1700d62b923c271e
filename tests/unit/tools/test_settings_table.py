"""The page of settings says what the settings are."""

import pytest
from pydantic.fields import FieldInfo

from furniture_prompter.settings import ServeSettings
from tools import settings_table


def test_the_page_of_settings_is_current() -> None:
    page = settings_table.PAGE.read_text("utf-8")
    assert page == settings_table.rendered(), "Run: python -m tools.settings_table"


def test_every_setting_has_a_row_with_its_variable_and_its_meaning() -> None:
    page = settings_table.rendered()
    for name, field in ServeSettings.model_fields.items():
        assert f"| `{name}` | `FURNITURE_PROMPTER_{name.upper()}` |" in page
        assert field.description is not None
        assert field.description.replace("|", "\\|") in page


def test_bounds_and_unit_come_from_the_field() -> None:
    field = ServeSettings.model_fields["fetch_timeout_s"]
    assert settings_table._range("fetch_timeout_s", field) == "> 0, ≤ 60 s"
    field = ServeSettings.model_fields["rate_limit_per_minute"]
    assert settings_table._range("rate_limit_per_minute", field) == "≥ 0 a minute"


def test_a_default_that_nobody_put_into_words_is_asked_for() -> None:
    made = FieldInfo(annotation=str, default_factory=str)
    with pytest.raises(SystemExit, match="default of shelf"):
        settings_table._default("shelf", made)


def test_no_path_of_this_machine_gets_onto_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert "/somewhere" not in settings_table.rendered()
