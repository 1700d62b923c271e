"""Whether a catalog and what wants to use it fit together."""

from typing import Final

from furniture_prompter.catalog.manifest import Manifest
from furniture_prompter.domain import EncoderIdentity
from furniture_prompter.errors import CatalogMismatchError

IN_A_NEW_FOLDER: Final = "`furniture-prompter index FEED --catalog NEW-FOLDER`"


def refuse_mismatch(
    manifest: Manifest, encoder: EncoderIdentity, prompt_encoder: EncoderIdentity
) -> None:
    """Raise :class:`CatalogMismatchError` where new vectors could not stand beside the stored.

    A student in its teacher's space is refused too: one catalog, one encoder.
    """
    refuse_other_encoder(manifest, encoder)
    refuse_other_prompt_encoder(manifest, prompt_encoder)


def refuse_other_space(manifest: Manifest, encoder: EncoderIdentity, space_name: str) -> None:
    """Raise :class:`CatalogMismatchError` where queries could not be compared with the stored.

    The photo encoder may be another than the catalog's if its vectors lie in the same space, as a
    student's lie in its teacher's.

    Args:
        manifest: The catalog's.
        encoder: What encodes the query's photos, or its prompts by a text tower.
        space_name: The encoder that gave `encoder` its space, by name; its own without one.
    """
    stored = manifest.encoder
    if not stored.shares_space_with(encoder):
        # A manifest keeps the id of a space that its encoder was given, not the giver's name.
        given = f"space {stored.space_id[:12]}"
        space = given if stored.space else f"the space of {stored.name}"
        raise CatalogMismatchError(
            f"The catalog's photo vectors come from {describe(stored)} and lie in {space}; "
            f"{describe(encoder)} lies in the space of {space_name}: they cannot be compared. "
            "Name the catalog's encoder, or one taught into its space, or index the feed into a "
            "new folder."
        )


def refuse_other_prompt_encoder(manifest: Manifest, prompt_encoder: EncoderIdentity) -> None:
    """Raise :class:`CatalogMismatchError` where prompts could not be compared with text vectors."""
    _refuse_unequal("prompt", manifest.prompt_encoder, prompt_encoder)


def refuse_other_encoder(manifest: Manifest, encoder: EncoderIdentity) -> None:
    """Raise :class:`CatalogMismatchError` where new photo vectors could not join the stored."""
    _refuse_unequal("photo", manifest.encoder, encoder)


def _refuse_unequal(kind: str, stored: EncoderIdentity, given: EncoderIdentity) -> None:
    if stored != given:
        raise CatalogMismatchError(
            f"The catalog's {kind} vectors come from {describe(stored)}, and the {kind} "
            f"encoder in use is {describe(given)}: {_cure(kind, stored, given)}"
        )


def _cure(kind: str, stored: EncoderIdentity, given: EncoderIdentity) -> str:
    problem = "they cannot be compared."
    if stored.name == given.name:
        problem = "it is another build of the same name, and one catalog has one build."
    elif kind == "photo":
        problem += f" Name the catalog's encoder with `--encoder {stored.name}`, or index"
        return f"{problem} the feed into a new folder: {IN_A_NEW_FOLDER}."
    return f"{problem} Index the feed into a new folder: {IN_A_NEW_FOLDER}."


def describe(identity: EncoderIdentity) -> str:
    """An encoder in few words: name, dimension, start of its weights' hash."""
    return f"{identity.name} ({identity.dimension}-d, {identity.weights_sha256[:12]})"


def refuse_other_language(manifest: Manifest, language: str | None) -> None:
    """Raise :class:`CatalogMismatchError` where another language is asked for than was used."""
    if language is not None and language != manifest.language:
        raise CatalogMismatchError(
            f"The catalog's keyword index is in {manifest.language}, not {language}. Leave "
            "--language out, or index the feed into a new folder."
        )
