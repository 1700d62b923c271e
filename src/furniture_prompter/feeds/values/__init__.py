"""What the text of a cell means: prices, sizes, counts, colours, materials, HTML, categories."""


def words_of(text: str) -> frozenset[str]:
    """The words of a list that is written as one text."""
    return frozenset(text.split())
