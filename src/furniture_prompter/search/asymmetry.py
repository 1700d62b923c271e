"""What to say where a query's encoder is not the one that embedded the catalog."""

from furniture_prompter.domain import EncoderIdentity
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.identity import identity_of

OVERLAP_FIGURE = "asymmetric_overlap_at_10"
"""The figure on a student's card: the share of the first ten photos that its query has in common
with its teacher's own, both asking the teacher's vectors, leaving the asking photo out."""


def asymmetry_note(catalog: EncoderIdentity, query: EncoderCard) -> str | None:
    """One sentence about two encoders in one space; None where the same weights did both."""
    identity = identity_of(query)
    if identity.weights_sha256 == catalog.weights_sha256:
        return None
    taught = not catalog.space and identity.space == catalog.space_id
    teaches = not identity.space and catalog.space == identity.space_id
    relation = "its student" if taught else "its teacher" if teaches else "of the same space"
    note = f"Photos were embedded by {catalog.name}; this query by {query.name}, {relation}"
    overlap = query.figures.get(OVERLAP_FIGURE)
    if taught and overlap is not None:
        note += f": agreement with the teacher {overlap:.2f} overlap@10 (card)"
    return f"{note}."
