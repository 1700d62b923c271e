"""The page for operators says what the metrics are, and names no others."""

import re

from furniture_prompter.settings import ServeSettings
from tools import metrics_table

PAGE = metrics_table.PAGE.read_text("utf-8")


def test_the_table_of_metrics_is_current() -> None:
    assert metrics_table.rendered(PAGE) == PAGE, "Run: python -m tools.metrics_table"


def test_every_metric_that_the_page_speaks_of_is_there() -> None:
    told = set(re.findall(r"`(furniture_prompter_\w+)`", PAGE))
    there = set(re.findall(r"^\| `(\w+)` \|", metrics_table.table(), re.MULTILINE))
    assert told == there


def test_every_setting_that_the_page_speaks_of_is_there() -> None:
    names = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE))
    names -= {name for name in names if name.startswith(("furniture_prompter_", "client_max"))}
    assert len(names) > 5
    assert names <= set(ServeSettings.model_fields)
    for name in re.findall(r"FURNITURE_PROMPTER_([A-Z_]+)", PAGE):
        assert name.lower() in ServeSettings.model_fields
