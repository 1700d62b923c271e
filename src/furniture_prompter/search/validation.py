"""Queries that cannot be answered are refused before anything is computed."""

from furniture_prompter.domain import Query
from furniture_prompter.errors import InvalidQueryError
from furniture_prompter.settings import Settings


def refuse_unanswerable(query: Query, settings: Settings) -> None:
    """Check a query against the limits.

    Raises:
        InvalidQueryError: nothing is asked, words are missing or too many, or a number is out of
            range; the message names the cure.
    """
    if query.prompt is None and query.photo is None:
        raise InvalidQueryError("There is nothing to search for. Give a prompt, a photo, or both.")
    if query.prompt is not None:
        _refuse_wordless("prompt", query.prompt, settings.limit_prompt_characters)
    if query.without is not None:
        _refuse_wordless("without", query.without, settings.limit_prompt_characters)
    if not 1 <= query.limit <= settings.limit_hits:
        raise InvalidQueryError(
            f"{query.limit} hits were asked for. Ask for 1 to {settings.limit_hits}."
        )
    if not 0 <= query.photo_weight <= 1:
        raise InvalidQueryError(
            f"The photo's weight is {query.photo_weight}. Give a number from 0 (only the prompt "
            "counts) to 1 (only the photo counts)."
        )


def _refuse_wordless(name: str, words: str, limit_characters: int) -> None:
    if len(words) > limit_characters:
        raise InvalidQueryError(
            f"The {name} has {len(words)} characters. Use at most {limit_characters}; a few words "
            "work best."
        )
    if not any(character.isalnum() for character in words):
        raise InvalidQueryError(
            f'The {name} has no words. Describe the piece, such as "oak side table".'
        )
