import re
import tomllib
from pathlib import Path

from furniture_prompter.evaluation.suite import STANDARD

PAGE = Path(__file__).parents[3] / "docs" / "benchmarking.md"


def test_the_page_shows_the_standard_suite_as_it_is() -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert tomllib.loads(shown) == tomllib.loads(STANDARD.read_text("utf-8"))
