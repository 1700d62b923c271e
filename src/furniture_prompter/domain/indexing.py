"""What an index run tells while it goes and when it is done."""

from dataclasses import dataclass

from furniture_prompter.domain.feed import SetAside


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """Where an index run stands.

    Attributes:
        step: What it is doing, in a word or two: ``reading``, ``checking``, ``words``,
            ``writing``, ``indexing``.
        done: Units finished in this step.
        total: Units in this step; None while unknown.
        unit: What is counted, plural: ``rows``, ``photos``, ``products``.
    """

    step: str
    done: int
    total: int | None
    unit: str


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """What an index run did.

    Attributes:
        version: Number of the catalog version that is now current; unchanged when nothing was.
        products_added: Products that were new.
        products_updated: Products whose text, attributes or photos changed.
        products_removed: Products removed by ``sync``.
        products_unchanged: Products left as they were.
        photos_encoded: Photos that went through the encoder in this run.
        photos_reused: Photos whose vector was already there, by content hash.
        products: Products in the current version.
        photos: Photos in the current version.
        set_aside: Rows, photos and cells that were left out, in the feed's order.
        seconds: Wall time of the run.
        notes: Sentences a person should read, such as that there is too little text to let
            prompts search pictures.
        products_not_removed: Products that the feed no longer has and ``sync`` left, because some
            of the feed could not be read and may hold them.
    """

    version: int
    products_added: int
    products_updated: int
    products_removed: int
    products_unchanged: int
    photos_encoded: int
    photos_reused: int
    products: int
    photos: int
    set_aside: tuple[SetAside, ...]
    seconds: float
    notes: tuple[str, ...] = ()
    products_not_removed: int = 0
