"""What is known of Lance's own files."""

from furniture_prompter.catalog.storage import _lance_messages


def test_the_messages_of_lance_are_made_once() -> None:
    # Each making takes milliseconds, and a catalog's check reads hundreds of them.
    assert _lance_messages() is _lance_messages()
