"""Whether a catalog and what wants to use it fit together."""

from collections.abc import Mapping

from furniture_prompter.catalog.manifest import Manifest
from furniture_prompter.domain import EncoderIdentity
from furniture_prompter.errors import CatalogMismatchError


def refuse_mismatch(
    manifest: Manifest, encoder: EncoderIdentity, prompt_encoder: EncoderIdentity
) -> None:
    """Raise :class:`CatalogMismatchError` where vectors could not be compared."""
    pairs: Mapping[str, tuple[EncoderIdentity, EncoderIdentity]] = {
        "photo": (manifest.encoder, encoder),
        "prompt": (manifest.prompt_encoder, prompt_encoder),
    }
    for kind, (stored, given) in pairs.items():
        if stored != given:
            raise CatalogMismatchError(
                f"The catalog's {kind} vectors come from {describe(stored)}, and the {kind} "
                f"encoder in use is {describe(given)}: they cannot be compared. Name the "
                "catalog's encoder with --encoder, or index the feed into a new folder."
            )


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
