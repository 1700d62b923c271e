"""Prompt → product with the products' text indexed: do words and vectors together beat either?"""

import argparse
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.datasets import (
    IKEA_DEV,
    BenchmarkProduct,
    card_hashes,
    ikea_dev,
    real_shop,
    turkish_words,
    write_feed,
)
from benchmarks.prompt_families import (
    AskedPrompt,
    by_first_sentence,
    by_kind_and_color,
    inflected,
    misspelt,
    paraphrased,
)
from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter.assembly import Catalog, index
from furniture_prompter.evaluation.metrics import bootstrap_interval, per_query
from furniture_prompter.settings import Settings

LIMIT = 100
MEASURES = {"MRR": "RR", "R@10": "R@10", "found in 10": "Success@10"}
WAYS: Mapping[str, Mapping[str, float]] = {
    "keyword only": {"weight_prompt_text": 0, "weight_prompt_photo": 0},
    "vectors only": {"weight_keyword": 0},
    "text vectors only": {"weight_keyword": 0, "weight_prompt_photo": 0},
    "aligned photo vectors only": {"weight_keyword": 0, "weight_prompt_text": 0},
    "hybrid": {},
}
SINGLES = ("keyword only", "vectors only")
# Only ratios matter, so the keyword weight stays.
SWEEP = [
    (1.0, text, photo)
    for text in (0.0, 0.125, 0.25, 0.5, 1.0)
    for photo in (0.0, 0.25, 0.5, 1.0, 2.0)
]

METHOD = f"""
Every prompt goes through Catalog.search, best {LIMIT} hits. The ways differ only in the weights
of the settings; hybrid is the shipped defaults. Families: "kind and colour" asks for each
category and colour that occur together ("wall shelf, white"); all products of that category and
colour answer. "misspelt" has one wrong letter in one word; "inflected" puts the noun into the
other number and another order; "paraphrased" replaces the shop's word for the thing by another
(couch for sofa). In these four the catalog holds title, category, colour and description, so the
words of the first are in the text that answers them. "first sentence" asks with the first
sentence of a description that is not in the catalog: only title, category and colour are;
products that share it all answer. MRR is the mean of one over the rank of the first right product
(0 beyond {LIMIT}), R@10 the share of the right products among the first ten, "found in 10" the
share of prompts with any. "all" is the mean over families. The alignment is fitted on the
catalog's own text, the asked products' included, as in any catalog. Intervals are 95 % percentile
bootstrap over prompts; for differences both ways answer the same prompts. Products alike in all
but category count as wrong.
"""

Values = dict[str, dict[str, float]]

OLD_ENCODER: Final = "minilm-static-256"
NEW_ENCODER: Final = "multilingual-static-384"
UNDERSTANDING: Final[Mapping[str, tuple[str, bool, Mapping[str, float]]]] = {
    f"{OLD_ENCODER}, words as written": (OLD_ENCODER, False, {}),
    f"{NEW_ENCODER}, words as written": (NEW_ENCODER, False, {}),
    **{
        f"{NEW_ENCODER}, understood, weight_attribute {weight:g}": (
            NEW_ENCODER, True, {"weight_attribute": weight},
        )
        for weight in (0, 0.25, 0.5, 1, 2)
    },
}  # fmt: skip
BEFORE: Final = f"{OLD_ENCODER}, words as written"

UNDERSTANDING_METHOD: Final = f"""
Families of prompts and products as in hybrid.json, of two shops, through Catalog.search, best
{LIMIT} hits; "Turkish" asks with the category and colour that somebody put into Turkish by hand
(benchmarks/data), the catalog's text being English. shop2-dev has no descriptions, and its colour
is what a title has beside the model's name. "As written" is `understand: false`: no limits, no
colours by columns, no spelling, no other words. Figures are MRR; "first half" and "second half"
are every other prompt, so that a weight chosen on one can be read on the other. "English" is the
mean over the families but Turkish. Intervals are 95 % percentile bootstrap of the difference to
{BEFORE}, the state before prompts were understood, over the same prompts.
"""


def rankings(
    catalog: Path, settings: Settings, asked: Sequence[AskedPrompt], *, understand: bool = True
) -> dict[str, list[str]]:
    """Prompt → product ids, best first."""
    with Catalog.open(catalog, settings=settings) as opened:
        return {
            each.prompt: [
                hit.product.id
                for hit in opened.search(each.prompt, limit=LIMIT, understand=understand).hits
            ]
            for each in asked
        }


def judged(
    catalog: Path,
    weights: Mapping[str, float],
    asked: Sequence[AskedPrompt],
    *,
    understand: bool = True,
) -> Values:
    """Measure → prompt → value."""
    settings = Settings().model_copy(update=dict(weights))
    relevant = {each.prompt: each.relevant for each in asked}
    found = rankings(catalog, settings, asked, understand=understand)
    return per_query(found, relevant, list(MEASURES.values()))


def compare(catalogs: Mapping[str, Path], families: Mapping[str, list[AskedPrompt]]) -> Any:
    """Rows of figures and rows of differences."""
    rows: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    overall: dict[str, dict[str, list[float]]] = {}
    for family, asked in families.items():
        values = {way: judged(catalogs[family], WAYS[way], asked) for way in WAYS}
        for way, by_measure in values.items():
            row: dict[str, Any] = {"family": family, "way": way, "prompts": len(asked)}
            for name, measure in MEASURES.items():
                each = list(by_measure[measure].values())
                mean = float(np.mean(each))
                row[name] = round(mean, 4)
                overall.setdefault(way, {}).setdefault(name, []).append(mean)
            low, high = bootstrap_interval(list(by_measure["RR"].values()))
            rows.append(row | {"MRR 95 % low": round(low, 4), "MRR 95 % high": round(high, 4)})
            print(rows[-1])
        for single in SINGLES:
            for name, measure in MEASURES.items():
                pairs = [
                    values["hybrid"][measure][each.prompt] - values[single][measure][each.prompt]
                    for each in asked
                ]
                low, high = bootstrap_interval(pairs)
                differences.append(
                    {
                        "family": family,
                        "hybrid minus": single,
                        "measure": name,
                        "value": round(float(np.mean(pairs)), 4),
                        "95 % low": round(low, 4),
                        "95 % high": round(high, 4),
                    }
                )
    for way, means in overall.items():
        prompts = sum(len(asked) for asked in families.values())
        row = {"family": "all", "way": way, "prompts": prompts}
        rows.append(row | {name: round(float(np.mean(each)), 4) for name, each in means.items()})
        print(rows[-1])
    return {"rows": rows, "differences": differences}


def sweep(catalogs: Mapping[str, Path], families: Mapping[str, list[AskedPrompt]]) -> Any:
    """MRR and R@10 by weights, on the even prompts of each family and on the odd ones."""
    rows = []
    for keyword, text, photo in SWEEP:
        weights = {
            "weight_keyword": keyword,
            "weight_prompt_text": text,
            "weight_prompt_photo": photo,
        }
        row: dict[str, Any] = dict(weights)
        halves: dict[str, list[float]] = {}
        for family, asked in families.items():
            values = judged(catalogs[family], weights, asked)
            for name in ("MRR", "R@10"):
                each = [values[MEASURES[name]][prompt.prompt] for prompt in asked]
                halves.setdefault(f"{name} even", []).append(float(np.mean(each[::2])))
                halves.setdefault(f"{name} odd", []).append(float(np.mean(each[1::2])))
        row |= {name: round(float(np.mean(means)), 4) for name, means in halves.items()}
        rows.append(row)
        print(row)
    return {"rows": rows}


def in_turkish(products: Sequence[BenchmarkProduct], shop: str) -> list[AskedPrompt]:
    """Category and colour as put into Turkish; all products of the same words answer."""
    said = turkish_words(shop)
    answers: dict[str, set[str]] = defaultdict(set)
    for product in products:
        if said.get(product.id):
            answers[said[product.id]].add(product.id)
    return [AskedPrompt(prompt, frozenset(ids)) for prompt, ids in sorted(answers.items())]


def families_of(products: Sequence[BenchmarkProduct]) -> dict[str, list[AskedPrompt]]:
    """The families that a set's own text gives."""
    return {
        "kind and colour": by_kind_and_color(products),
        "misspelt": by_kind_and_color(products, misspelt),
        "inflected": by_kind_and_color(products, inflected),
        "paraphrased": by_kind_and_color(products, paraphrased),
        "first sentence": by_first_sentence(products),
    }


def understanding(data: Path, work: Path, every: int) -> tuple[Any, list[DataSet]]:
    """MRR by what is understood, on both shops, beside the state before."""
    rows: list[dict[str, Any]] = []
    sources: list[DataSet] = []
    for name in ("ikea-dev", "shop2-dev"):
        found = real_shop(name, data)
        sources.append(found.source)
        products = found.products
        asked = families_of(products)
        asked["Turkish"] = in_turkish(products, name)
        texts = {"whole": ("category", "color", "description"), "short": ("category", "color")}
        for kind, fields in texts.items():
            if kind == "short" and not asked["first sentence"]:
                continue
            feed = write_feed(products, work / f"{name}-{kind}-feed", fields)
            for encoder in (OLD_ENCODER, NEW_ENCODER):
                settings = Settings().model_copy(update={"prompt_encoder": encoder})
                index(feed, work / f"{name}-{kind}-{encoder}", settings=settings)
        before: dict[str, Mapping[str, float]] = {}
        for way, (encoder, understand, weights) in UNDERSTANDING.items():
            means: dict[str, list[float]] = defaultdict(list)
            for family, prompts in asked.items():
                if not prompts:
                    continue
                chosen = prompts[::every]
                kind = "short" if family == "first sentence" else "whole"
                folder = work / f"{name}-{kind}-{encoder}"
                values = judged(folder, weights, chosen, understand=understand)["RR"]
                each = [values[prompt.prompt] for prompt in chosen]
                row: dict[str, Any] = {"data": name, "family": family, "way": way}
                row |= _mrr(each) | {"prompts": len(each)}
                if way == BEFORE:
                    before[family] = values
                pairs = [values[key] - before[family][key] for key in values]
                low, high = bootstrap_interval(pairs)
                row |= {
                    "against before": round(float(np.mean(pairs)), 4),
                    "95 % low": round(low, 4),
                    "95 % high": round(high, 4),
                }
                rows.append(row)
                if family != "Turkish":
                    for measure, value in _mrr(each).items():
                        means[measure].append(value)
            english = {key: round(float(np.mean(each)), 4) for key, each in means.items()}
            rows.append({"data": name, "family": "English", "way": way} | english)
            print(rows[-1], flush=True)
    return {"rows": rows}, sources


def file_understanding(data: Path, out: Path, every: int) -> None:
    """Measure and file what understanding does to ranking."""
    with tempfile.TemporaryDirectory() as work:
        figures, sources = understanding(data, Path(work), every)
    write_result(
        out.with_name("hybrid_understanding.json") if out.name == "hybrid.json" else out,
        title="Prompts understood, text indexed",
        data=sources,
        method=UNDERSTANDING_METHOD if every == 1 else f"A trial, on one prompt in {every}.",
        figures=figures,
        encoders=card_hashes("efficientnet-lite2", OLD_ENCODER, NEW_ENCODER),
    )


def _mrr(values: Sequence[float]) -> dict[str, float]:
    parts = {"MRR": values, "first half": values[::2], "second half": values[1::2]}
    return {name: round(float(np.mean(each)), 4) for name, each in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=IKEA_DEV, help="folder of the measuring set")
    parser.add_argument("--sweep", action="store_true", help="compare weights instead of ways")
    parser.add_argument(
        "--understanding",
        action="store_true",
        help="compare what is understood instead, on ikea-dev and shop2-dev beside it",
    )
    parser.add_argument("--every", type=int, default=1, help="use every n-th prompt, to try it out")
    add_output_option(parser, "hybrid")
    arguments = parser.parse_args()
    if arguments.understanding:
        file_understanding(arguments.data.parent, arguments.out, arguments.every)
        return
    data = ikea_dev(arguments.data)
    families = {
        name: asked[:: arguments.every] for name, asked in families_of(data.products).items()
    }
    work = Path(tempfile.mkdtemp())
    try:
        catalogs = {}
        texts = {"whole": ("category", "color", "description"), "short": ("category", "color")}
        for name, fields in texts.items():
            feed = write_feed(data.products, work / f"{name}-feed", fields)
            summary = index(feed, work / name)
            print(f"{name}: {summary.products} products, {summary.photos} photos", summary.notes)
        for family in families:
            catalogs[family] = work / ("short" if family == "first sentence" else "whole")
        measure = sweep if arguments.sweep else compare
        figures = measure(catalogs, families)
        with Catalog.open(work / "whole") as opened:
            info = opened.info()
    finally:
        shutil.rmtree(work)
    out = arguments.out
    if arguments.sweep and out.name == "hybrid.json":
        out = out.with_name("hybrid_weights.json")
    titles = {True: "Weights of the hybrid", False: "Prompt to product, text indexed"}
    write_result(
        out,
        title=titles[arguments.sweep],
        data=[data.source],
        method=METHOD if arguments.every == 1 else f"A trial, on one prompt in {arguments.every}.",
        figures=figures,
        encoders=card_hashes(info.encoder, info.prompt_encoder),
    )


if __name__ == "__main__":
    main()
