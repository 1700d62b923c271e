"""Keeps the transformers library from writing to the terminal while it is used."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from transformers.utils import logging as transformers_logging


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence its remarks and progress bars inside ``with``, and restore both afterwards.

    It remarks on defaults of configurations that nobody here relies on (special tokens of the text
    tower, which the tokenizer's own settings decide); what matters is checked and raised.
    """
    level, bars = (
        transformers_logging.get_verbosity(),
        transformers_logging.is_progress_bar_enabled(),
    )
    transformers_logging.set_verbosity(logging.ERROR)
    _show_progress(wanted=False)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        _show_progress(wanted=bars)


def _show_progress(*, wanted: bool) -> None:
    switch: Callable[[], None] = (
        transformers_logging.enable_progress_bar
        if wanted
        else transformers_logging.disable_progress_bar
    )
    switch()
