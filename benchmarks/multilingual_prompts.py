"""Which prompt encoder lets Turkish and English prompts find photos whose text was never seen.

Needs the extra ``builders``: the network that the shipped table comes from is asked as well.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import card_hashes, turkish_words
from benchmarks.prompt_to_photo.protocol import MeasuringSet, halves, image_encoder_folder, ranks
from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter.encoders.alignment import (
    Alignment,
    AlignmentRefusal,
    AlignmentSettings,
    fit_alignment,
)
from furniture_prompter.encoders.onnx_encoder import OnnxEncoder
from furniture_prompter.encoders.prompt_encoder import StaticPromptEncoder
from furniture_prompter.encoders.registry import encoder_folder
from furniture_prompter.ingest.furniture_words import other_language
from furniture_prompter.ingest.writing import OTHER_LANGUAGE_WEIGHT
from furniture_prompter.unit_rows import unit_rows
from tools.prompt_encoder_builder.multilingual import MultilingualNetwork

TODAY: Final = "minilm-static-256"
SHIPPED: Final = "multilingual-static-384"
SEEDS: Final = 2
JOINED: Final = 0.7
WEIGHTS: Final = (0.0, 0.25, 0.5, 1.0)

METHOD: Final = f"""
Products with a kind and a colour that somebody put into Turkish by hand (benchmarks/data), dealt
into halves {SEEDS} times; fitted on one half and asked for the other, both ways. A prompt is
"category, color" and finds its own product's photo among those of the other half or does not;
others that fit the words as well count as wrong. "en to tr" is fitted on English text and asked in
Turkish. With "dictionary" each product's words in the other language, by the furniture dictionary
alone, stand beside the shop's own and count {OTHER_LANGUAGE_WEIGHT} of them, as in an index run
where the encoder knows both languages. "all" are all products of the set, in English. Text is
indexed nowhere: a prompt meets nothing but photo vectors. Milliseconds are the median of 200
prompts, one at a time on one thread, on a machine with other work. The Turkish prompts and the
dictionary were written by the same hand, the prompts first; rows without the dictionary show what
encoders do without it in the fit, yet the shipped table holds the dictionary's single words itself.
"""

Vectors = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Bilingual:
    """Products with photos and what they are in both languages; row i of each is product i.

    Attributes:
        name: Of the data set.
        english: Category and colour.
        turkish: The same by hand; empty where nobody wrote it.
        photos: Vectors.
        sha256: Of the list of products.
    """

    name: str
    english: list[str]
    turkish: list[str]
    photos: Vectors
    sha256: str

    def both(self) -> "Bilingual":
        """The products that have both."""
        rows = [row for row, text in enumerate(self.turkish) if text]
        return dataclasses.replace(
            self,
            english=[self.english[row] for row in rows],
            turkish=[self.turkish[row] for row in rows],
            photos=self.photos[rows],
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """An encoder that is compared."""

    name: str
    encode: Encode
    megabytes: float
    milliseconds: float


def load(folder: Path, cache: Path | None) -> Bilingual:
    """Read a data set with its Turkish words."""
    data = MeasuringSet.load(folder)
    said = turkish_words(folder.name)
    return Bilingual(
        folder.name,
        [_english(product) for product in data.products],
        [said.get(product["id"], "") for product in data.products],
        _photos(data, cache),
        data.sha256,
    )


def _english(product: dict[str, str]) -> str:
    if "model" in product:
        color = " ".join(product["title"].replace(product["model"], "").split())
    else:
        color = product["color"]
    return ", ".join(part for part in (product["category"], color) if part)


def _photos(data: MeasuringSet, cache: Path | None) -> Vectors:
    encoder = OnnxEncoder.load(image_encoder_folder(None))
    kept = None
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        kept = cache / f"{data.folder.name}-{encoder.card.weights_sha256[:12]}.npy"
        if kept.is_file():
            return np.asarray(np.load(kept, allow_pickle=False), np.float32)
    vectors = data.encode_photos(encoder)
    if kept is not None:
        np.save(kept, vectors, allow_pickle=False)
    return vectors


def recall(
    fitted: Vectors,
    asked: Vectors,
    photos: Vectors,
    other: Vectors | None = None,
    weight: float = OTHER_LANGUAGE_WEIGHT,
) -> float:
    """R@10 of unseen photos; `other` is what products are in the other language."""
    settings = dataclasses.replace(AlignmentSettings(), folds=2)
    found = []
    for rows, held_out in halves(len(photos), SEEDS):
        texts, pairs = [fitted[rows]], [photos[rows]]
        weights = [np.ones(len(rows), np.float32)]
        if other is not None and weight:
            texts.append(other[rows])
            pairs.append(photos[rows])
            weights.append(np.full(len(rows), weight, np.float32))
        outcome = fit_alignment(
            np.concatenate(texts),
            np.concatenate(pairs),
            [str(row) for row in rows] * len(texts),
            settings,
            weights=np.concatenate(weights),
        )
        if isinstance(outcome, AlignmentRefusal):
            raise SystemExit(outcome.reason)
        found.append(_ranks(outcome, asked[held_out], photos[held_out]) <= 10)
    return round(float(np.mean(np.concatenate(found))), 4)


def _ranks(alignment: Alignment, prompts: Vectors, photos: Vectors) -> NDArray[np.float64]:
    own = np.arange(len(prompts))
    return ranks(alignment.align_prompts(prompts), alignment.align_photos(photos), own)


def candidates(texts: Sequence[str]) -> list[Candidate]:
    """Encoders with their size and what a prompt takes."""
    today, shipped = (StaticPromptEncoder.load(encoder_folder(each)) for each in (TODAY, SHIPPED))
    network = MultilingualNetwork()
    asked = dict(zip(texts, network.encode(texts), strict=True))
    width = today.card.dimension
    sizes = {
        each: sum(file.stat().st_size for file in encoder_folder(each).iterdir()) / 1e6
        for each in (TODAY, SHIPPED)
    }
    weights = Path(network.folder)
    own_size = sum(file.stat().st_size for file in weights.iterdir()) / 1e6
    own_time = _milliseconds(network.encode, texts)

    def by_network(prompts: Sequence[str]) -> Vectors:
        return np.stack(
            [asked[prompt] if prompt else np.zeros(512, np.float32) for prompt in prompts]
        )

    def joined(prompts: Sequence[str]) -> Vectors:
        parts = [JOINED * today.encode(prompts), JOINED * by_network(prompts)]
        return unit_rows(np.hstack(parts).astype(np.float64))

    def part(columns: slice) -> Encode:
        return lambda prompts: unit_rows(shipped.encode(prompts)[:, columns].astype(np.float64))

    share = width / shipped.card.dimension
    times = {each.card.name: _milliseconds(each.encode, texts) for each in (today, shipped)}
    return [
        Candidate(f"{TODAY}, today", today.encode, sizes[TODAY], times[TODAY]),
        Candidate("the multilingual network itself", by_network, own_size, own_time),
        Candidate(
            "both joined", joined, own_size + sizes[TODAY], own_time + times[TODAY]
        ),
        Candidate(
            "shipped, first part alone (the English space)",
            part(slice(width)), sizes[SHIPPED] * share, times[SHIPPED],
        ),
        Candidate(
            "shipped, second part alone (the network's space)",
            part(slice(width, None)), sizes[SHIPPED] * (1 - share), times[SHIPPED],
        ),
        Candidate(f"{SHIPPED}, shipped", shipped.encode, sizes[SHIPPED], times[SHIPPED]),
    ]  # fmt: skip


def _milliseconds(encode: Encode, texts: Sequence[str]) -> float:
    asked = [text for text in texts if text][:200]
    spent = []
    for text in asked:
        began = time.perf_counter()
        encode([text])
        spent.append(time.perf_counter() - began)
    return float(np.median(spent)) * 1e3


def compare(data: Bilingual, candidate: Candidate) -> list[dict[str, Any]]:
    """Rows of an encoder, without and with the dictionary in the fit.

    Today's encoder knows one language, and is never fitted with the dictionary.
    """
    both = data.both()
    english, turkish = candidate.encode(both.english), candidate.encode(both.turkish)
    whole = candidate.encode(data.english)
    said = [
        candidate.encode([other_language(text) for text in texts])
        for texts in (both.english, both.turkish, data.english)
    ]
    weights = (0.0,) if candidate.name.startswith(TODAY) else (0.0, OTHER_LANGUAGE_WEIGHT)
    return [
        {
            "data": data.name,
            "encoder": candidate.name,
            "dictionary": "with" if weight else "without",
            "en to en": recall(english, english, both.photos, said[0], weight),
            "en to tr": recall(english, turkish, both.photos, said[0], weight),
            "tr to tr": recall(turkish, turkish, both.photos, said[1], weight),
            "tr to en": recall(turkish, english, both.photos, said[1], weight),
            "all, en to en": recall(whole, whole, data.photos, said[2], weight),
            "MB": round(candidate.megabytes, 1),
            "ms": round(candidate.milliseconds, 2),
        }
        for weight in weights
    ]


# What forked processes inherit: an encoder is a function of the network, and cannot be sent.
_JOBS: list[tuple[Bilingual, Candidate]] = []


def _compare(job: int) -> list[dict[str, Any]]:
    rows = compare(*_JOBS[job])
    print(rows, flush=True)
    return rows


def by_weight(data: Bilingual, candidate: Candidate) -> list[dict[str, Any]]:
    """R@10 of the shipped encoder by what the dictionary's words count in the fit."""
    both = data.both()
    english, turkish = candidate.encode(both.english), candidate.encode(both.turkish)
    said = candidate.encode([other_language(text) for text in both.english])
    return [
        {
            "data": data.name,
            "encoder": candidate.name,
            "dictionary": f"counts {weight}",
            "en to en": recall(english, english, both.photos, said, weight),
            "en to tr": recall(english, turkish, both.photos, said, weight),
        }
        for weight in WEIGHTS
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, help="folder that keeps photo vectors between runs")
    parser.add_argument("--processes", type=int, default=1, help="encoders compared at once")
    add_output_option(parser, "multilingual_prompts")
    options = parser.parse_args()
    sets = [load(options.data / name, options.cache) for name in ("ikea-dev", "shop2-dev")]
    texts = [text for each in sets for text in (*each.english, *each.turkish) if text]
    texts += [said for text in texts if (said := other_language(text))]
    tested = candidates(list(dict.fromkeys(texts)))
    _JOBS.extend((each, candidate) for each in sets for candidate in tested)
    with get_context("fork").Pool(options.processes) as pool:
        rows = [row for found in pool.map(_compare, range(len(_JOBS)), 1) for row in found]
    write_result(
        options.out,
        title="Prompts in Turkish and English",
        data=[
            DataSet(
                each.name,
                each.sha256,
                f"{len(each.both().english)} of {len(each.english)} products put into Turkish",
            )
            for each in sets
        ],
        method=METHOD,
        figures={"rows": rows, "weights": by_weight(sets[0], tested[-1])},
        encoders=card_hashes("efficientnet-lite2", TODAY, SHIPPED),
    )


if __name__ == "__main__":
    main()
