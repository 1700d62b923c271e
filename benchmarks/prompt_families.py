"""Prompts of several kinds for one set of products, each with the products that answer it.

All of it is deterministic: the same products give the same prompts.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.datasets import BenchmarkProduct

# What other shoppers call it; the left side is how the measuring set's shop does. Longer first.
SYNONYMS = {
    "wash-basin mixer tap": "bathroom faucet",
    "kitchen mixer tap": "kitchen faucet",
    "chest of drawers": "dresser",
    "quilt cover": "duvet cover",
    "bedside table": "nightstand",
    "chopping board": "cutting board",
    "extractor hood": "range hood",
    "three-seat sofa": "three-seater couch",
    "two-seat sofa": "loveseat",
    "wash-stand": "bathroom vanity",
    "wash-basin": "sink",
    "bookcase": "bookshelf",
    "wardrobe": "closet",
    "tv bench": "tv stand",
    "soft toy": "stuffed animal",
    "door mat": "doormat",
    "armchair": "easy chair",
    "footstool": "ottoman",
    "curtains": "drapes",
    "worktop": "countertop",
    "trolley": "cart",
    "cushion": "pillow",
    "basket": "hamper",
    "throw": "blanket",
    "frame": "picture holder",
    "plate": "dish",
    "table": "desk",
    "sofa": "couch",
    "lamp": "light",
    "hob": "cooktop",
    "cot": "crib",
    "rug": "carpet",
    "mug": "cup",
}

_HEAD_ENDS = re.compile(r",| (?:with|for|w|on|and|of|in)\b")
_WORD = re.compile(r"[^\W\d_]{4,}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class AskedPrompt:
    """A prompt and the ids of the products that answer it."""

    prompt: str
    relevant: frozenset[str]


def by_kind_and_color(
    products: Sequence[BenchmarkProduct],
    wording: Callable[[str, str], str | None] = lambda category, color: f"{category}, {color}",
) -> list[AskedPrompt]:
    """One prompt for each category and colour that occur together; all such products answer it.

    Args:
        products: Those without a category or a colour are nobody's answer.
        wording: Category and colour → prompt; None leaves the pair out.
    """
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for product in products:
        if product.category and product.color:
            groups[product.category, product.color].add(product.id)
    answers: dict[str, set[str]] = defaultdict(set)
    for (category, color), ids in sorted(groups.items()):
        prompt = wording(category, color)
        if prompt is not None:
            answers[prompt] |= ids
    return [AskedPrompt(prompt, frozenset(ids)) for prompt, ids in answers.items()]


def by_first_sentence(
    products: Sequence[BenchmarkProduct], least_words: int = 4
) -> list[AskedPrompt]:
    """The first sentence of each description; products that share it all answer it."""
    groups: dict[str, set[str]] = defaultdict(set)
    for product in products:
        sentence = re.split(r"(?<=[.!?])\s", product.description.strip())[0]
        if len(sentence.split()) >= least_words:
            groups[sentence].add(product.id)
    return [AskedPrompt(sentence, frozenset(ids)) for sentence, ids in sorted(groups.items())]


def misspelt(category: str, color: str) -> str | None:
    """One letter wrong in one word of four letters or more; the first letter of a word stays.

    Left out, doubled, swapped with the next, or replaced: drawn from the SHA-256 of the prompt.
    """
    prompt = f"{color} {category}"
    words = list(_WORD.finditer(prompt))
    if not words:
        return None
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8]))
    word = words[rng.integers(len(words))]
    place = int(rng.integers(word.start() + 1, word.end() - 1))
    here, following = prompt[place], prompt[place + 1]
    edits = ["", here * 2, _LETTERS[(_LETTERS.find(here) + int(rng.integers(1, 26))) % 26]]
    if here != following:
        edits.append(following + here)
    edit = edits[rng.integers(len(edits))]
    taken = 2 if edit == following + here else 1
    return prompt[:place] + edit + prompt[place + taken :]


def inflected(category: str, color: str) -> str | None:
    """The other number of the thing's own word, in another order: "chairs that are white"."""
    end = _HEAD_ENDS.search(category)
    head, rest = (category[: end.start()], category[end.start() :]) if end else (category, "")
    *before, noun = head.split(" ")
    return f"{' '.join([*before, other_number(noun)])}{rest} that are {color}"


def other_number(noun: str) -> str:
    """The plural of an English noun, or the singular of one that ends in a plural s."""
    if re.search(r"[^su]s$", noun):
        return noun[:-1]
    if noun.endswith("shelf"):
        return f"{noun[:-1]}ves"
    if re.search(r"[^aeiou]y$", noun):
        return f"{noun[:-1]}ies"
    return noun + ("es" if re.search(r"(s|x|ch|sh)$", noun) else "s")


def paraphrased(category: str, color: str) -> str | None:
    """Another word for the thing; categories without one in the table are left out."""
    other = re.sub(r"chest of \d+ drawers", "chest of drawers", category)
    for word, synonym in SYNONYMS.items():
        replaced = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", synonym, other)
        if replaced != other:
            return f"{color} {replaced}"
    return None
