"""What to say where a query's encoder is not the one that embedded the catalog."""

from furniture_prompter.domain import EncoderIdentity
from furniture_prompter.encoders.card import EncoderCard
from furniture_prompter.encoders.identity import identity_of

OVERLAP_FIGURE = "asymmetric_overlap_at_10"
"""The figure on a student's card: the share of the first ten photos that its query has in common
with its teacher's own, both asking the teacher's vectors, leaving the asking photo out."""

_STUDENT = "its student"


def asymmetry_note(catalog: EncoderIdentity, query: EncoderCard) -> str | None:
    """One sentence about two encoders in one space; None where both give the same vectors."""
    asks = identity_of(query)
    if (asks.weights_sha256, asks.preprocessing) == (catalog.weights_sha256, catalog.preprocessing):
        return None
    relation = _relation(catalog, query)
    note = f"Photos were embedded by {catalog.name}; this query by {query.name}, {relation}"
    overlap = query.figures.get(OVERLAP_FIGURE)
    if relation == _STUDENT and overlap is not None:
        note += f": agreement with the teacher {overlap:.2f} overlap@10 (card)"
    return f"{note}."


def _relation(catalog: EncoderIdentity, query: EncoderCard) -> str:
    """What the asking encoder is to the one that embedded the catalog; they share a space."""
    if query.name == catalog.name:
        return "another build of it"
    if query.space is None:
        return "its teacher"
    if query.space.name == catalog.name:
        return _STUDENT if query.training else "its export"
    return "of the same space"
