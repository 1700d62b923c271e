"""Relevance judgments: queries and qrels read, asked, and what was found measured.

Products that nobody judged for a query count as not relevant to it; ``Judged@k`` says how many of
the answers were judged, so that a low figure can be told from a missing judgement.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from furniture_prompter.domain import SetAside
from furniture_prompter.domain.wording import as_id, one_line
from furniture_prompter.errors import BenchmarkError, InvalidPhotoError, InvalidQueryError
from furniture_prompter.evaluation.metrics import (
    bootstrap_interval,
    by_chance,
    expected_ndcg,
    per_query,
)
from furniture_prompter.evaluation.record import JUDGED, TaskResults
from furniture_prompter.json_lines import numbered_lines

LIMIT_LINE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationQuery:
    """One query.

    Attributes:
        id: What judgements call it.
        prompt: Words; None for a photo alone.
        photo: File, absolute; None for a prompt alone.
        where: Filter over the catalog's columns.
        without: Words for what must not come.
        line: Where it stands in its file, from 1.
    """

    id: str
    prompt: str | None = None
    photo: Path | None = None
    where: str | None = None
    without: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class RelevanceJudgment:
    """How well a product answers a query: 0 is not at all, more is better."""

    query: str
    product: str
    gain: int
    line: int


class _QueryLine(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str | int
    prompt: str | None = None
    photo: str | None = None
    where: str | None = None
    without: str | None = None

    @field_validator("id")
    @classmethod
    def _worth_a_name(cls, value: str | int) -> str | int:
        if not one_line(str(value)):
            raise ValueError("must not be empty")
        return value


def read_queries(path: Path) -> tuple[list[EvaluationQuery], list[SetAside]]:
    """Queries of a JSON-lines file: ``id``, ``prompt``, ``photo``, ``where``, ``without``.

    A photo's path is taken from the file's folder.

    Raises:
        BenchmarkError: the file cannot be read.
    """
    folder = path.absolute().parent
    queries: dict[str, EvaluationQuery] = {}
    set_aside = []
    for line, data in _lines(path):
        found = _query(data, line, folder)
        if isinstance(found, EvaluationQuery) and found.id in queries:
            first = queries[found.id].line
            reason = f"The query {found.id!r} stands in line {first} already."
            found = reason, "Give each query an id of its own."
        if isinstance(found, EvaluationQuery):
            queries[found.id] = found
        else:
            set_aside.append(SetAside(path, line, *found))
    return list(queries.values()), set_aside


def read_relevance_judgments(path: Path) -> tuple[list[RelevanceJudgment], list[SetAside]]:
    """Judgements of a qrels file; columns are parted by tabs, or by blanks where no tab is.

    Raises:
        BenchmarkError: the file cannot be read.
    """
    judgements: dict[tuple[str, str], RelevanceJudgment] = {}
    set_aside = []
    for line, data in _lines(path):
        found = _judgement(data, line)
        if isinstance(found, RelevanceJudgment):
            pair = found.query, found.product
            if pair not in judgements:
                judgements[pair] = found
                continue
            found = (
                (
                    f"The product {found.product!r} was judged for the query {found.query!r} "
                    f"in line {judgements[pair].line} already."
                ),
                "Leave one of the two out.",
            )
        set_aside.append(SetAside(path, line, *found))
    return list(judgements.values()), set_aside


def _lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Lines that are not blank, with their numbers; None for one that is too long."""
    try:
        with path.open("rb") as file:
            yield from numbered_lines(file, LIMIT_LINE_BYTES)
    except OSError as error:
        raise BenchmarkError(
            f"Cannot read {path}: {error.strerror}. Check the path and its permissions."
        ) from error


def _query(data: bytes | None, line: int, folder: Path) -> EvaluationQuery | tuple[str, str]:
    if data is None:
        return f"The line has more than {LIMIT_LINE_BYTES:,} bytes.", "Shorten it."
    try:
        fields = _QueryLine.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:1])
        return (
            f"The line is no query ({where + ': ' if where else ''}{first['msg']}).",
            (
                'Write one object a line, such as {"id": "1", "prompt": "oak table"}; it may have '
                f"{', '.join(_QueryLine.model_fields)}."
            ),
        )
    if not (fields.prompt and fields.prompt.strip()) and not fields.photo:
        return "The query has neither a prompt nor a photo.", "Give it one, or both."
    photo = None
    if fields.photo:
        if "\0" in fields.photo:
            return "The photo's path holds a zero byte.", "Name a file."
        photo = folder / fields.photo
        try:
            there = photo.is_file()
        except OSError:  # a name longer than the file system takes
            there = False
        if not there:
            return (
                f"There is no photo {fields.photo!r}.",
                "Put it there, or correct the path; it is relative to the file of queries.",
            )
    return EvaluationQuery(
        id=one_line(str(fields.id)),
        prompt=fields.prompt or None,
        photo=photo,
        where=fields.where,
        without=fields.without,
        line=line,
    )


def _judgement(data: bytes | None, line: int) -> RelevanceJudgment | tuple[str, str]:
    if data is None:
        return f"The line has more than {LIMIT_LINE_BYTES:,} bytes.", "Shorten it."
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        return f"The line is not UTF-8 at byte {error.start + 1}.", "Save the file as UTF-8."
    columns = [each.strip() for each in text.split("\t")] if "\t" in text else text.split()
    if len(columns) not in {3, 4} or not all(columns):
        return (
            f"The line has {len([each for each in columns if each])} columns.",
            "Write query, iteration (0), product and gain; or query, product and gain.",
        )
    query, product, gain = columns[0], columns[-2], columns[-1]
    try:
        value = int(gain)
    except ValueError:
        return f"The gain {gain[:40]!r} is no whole number.", "Write 0, 1, 2, …"
    if not 0 <= value <= 1_000:
        return f"The gain {gain[:40]} is not between 0 and 1,000.", "Write 0, 1, 2, …"
    return RelevanceJudgment(one_line(query), as_id(product), value, line)


Search = Callable[[EvaluationQuery, int], Sequence[str]]
Gains = Mapping[str, Mapping[str, int]]


def measures_at(k: int) -> tuple[str, ...]:
    """What is measured of the first `k` hits, by ir-measures' names."""
    others = (f"{name}@{k}" for name in ("Success", "nDCG", "P", "R", "RR", "AP", "Judged"))
    return tuple(dict.fromkeys(("Success@1", *others)))


@dataclass(frozen=True, slots=True)
class JudgedResults:
    """What the queries found.

    Attributes:
        queries: That were asked, in their file's order.
        gains: Query id → product id → gain.
        found: Query id → product ids, best first.
        values: Measure → one value a query, in the queries' order.
        set_aside: Queries that the catalog refused.
    """

    queries: tuple[EvaluationQuery, ...]
    gains: Gains
    found: Mapping[str, tuple[str, ...]]
    values: Mapping[str, tuple[float, ...]]
    set_aside: tuple[SetAside, ...]

    def mean(self, measure: str) -> float:
        """Mean over queries."""
        return float(np.mean(self.values[measure]))

    def interval(self, measure: str) -> tuple[float, float]:
        """Bootstrap 95 % interval of the mean; see :func:`metrics.bootstrap_interval`."""
        return bootstrap_interval(self.values[measure])

    def worst(self, measure: str, count: int) -> list[tuple[EvaluationQuery, float]]:
        """Queries with the lowest values; of equal ones the earlier first."""
        rows = zip(self.queries, self.values[measure], strict=True)
        return sorted(rows, key=lambda row: row[1])[:count]

    def as_answers(self, encoder: str, candidates: int) -> TaskResults:
        """The record of a benchmark.

        Args:
            encoder: Its key.
            candidates: Products in the catalog; chance is that of an order of all of them.
        """
        filtered = sum(query.where is not None for query in self.queries)
        note = (
            f"{filtered} of the queries have a filter; chance takes every product for a candidate"
            if filtered
            else ""
        )
        chance = {
            measure: float(
                np.mean(
                    [_chance(measure, candidates, self.gains[query.id]) for query in self.queries]
                )
            )
            for measure in self.values
            if not measure.startswith("Judged")
        }
        return TaskResults(
            encoder=encoder,
            task=JUDGED,
            queries=tuple(query.line for query in self.queries),
            candidates=float(candidates),
            values=self.values,
            chance=chance,
            note=note,
        )


def match_relevance_judgments(
    queries: Sequence[EvaluationQuery],
    judgements: Sequence[RelevanceJudgment],
    known_products: Collection[str],
    files: tuple[Path, Path],
) -> tuple[list[EvaluationQuery], dict[str, dict[str, int]], list[SetAside]]:
    """Bring queries and judgements together.

    Judgements of queries or products that are not there are set aside, and so are queries that are
    then left without a product of a gain above 0: nothing they find could be right.

    Args:
        queries: As read.
        judgements: As read.
        known_products: Ids of the catalog's products.
        files: Of the queries and of the judgements, for the records.

    Returns:
        Queries that can be asked, their gains by query and product, and what was set aside.
    """
    queries_file, judgements_file = files
    gains: dict[str, dict[str, int]] = {query.id: {} for query in queries}
    set_aside = []
    for judgement in judgements:
        if judgement.query not in gains:
            set_aside.append(
                SetAside(
                    judgements_file,
                    judgement.line,
                    f"There is no query {judgement.query!r} to judge.",
                    f"Add it to {queries_file.name}, or mend the id.",
                    judgement.product,
                )
            )
        elif judgement.product not in known_products:
            set_aside.append(
                SetAside(
                    judgements_file,
                    judgement.line,
                    f"The catalog has no product {judgement.product!r}.",
                    "Index it, or mend the id.",
                    judgement.product,
                )
            )
        else:
            gains[judgement.query][judgement.product] = judgement.gain
    kept = []
    for query in queries:
        if any(gain > 0 for gain in gains[query.id].values()):
            kept.append(query)
            continue
        del gains[query.id]
        set_aside.append(
            SetAside(
                queries_file,
                query.line,
                f"No product of the catalog was judged to answer the query {query.id!r}.",
                f"Judge one in {judgements_file.name} with a gain of 1 or more.",
            )
        )
    return kept, gains, set_aside


def judge(
    search: Search,
    queries: Sequence[EvaluationQuery],
    gains: Gains,
    measures: Sequence[str],
    *,
    limit: int,
    source: Path,
    on_query: Callable[[int], None] = lambda _: None,
) -> JudgedResults:
    """Ask every query, and judge what it found.

    Args:
        search: TaskResults a query with at most so many product ids, best first.
        queries: Each with a gain above 0.
        gains: Query id → product id → gain; ``nDCG`` is the only measure that weighs them (linear,
            as trec_eval does), to all others a gain above 0 is an answer.
        measures: By ir-measures' names.
        limit: Products asked for.
        source: File of the queries, for the record of those that the catalog refuses.
        on_query: Called with the number of queries done.

    Raises:
        BenchmarkError: no query could be asked.
    """
    found: dict[str, tuple[str, ...]] = {}
    set_aside = []
    for done, query in enumerate(queries, start=1):
        try:
            found[query.id] = tuple(search(query, limit))
        except (InvalidQueryError, InvalidPhotoError) as error:
            reason = f"The query {query.id!r} was refused: {error}"
            set_aside.append(SetAside(source, query.line, reason, ""))
        on_query(done)
    if not found:
        why = f" The first: {set_aside[0]}" if set_aside else ""
        raise BenchmarkError(
            f"No query of {source} can be asked and judged.{why} Mend the lines that were set "
            "aside, or judge products that the catalog has."
        )
    by_query = per_query(found, {query: gains[query] for query in found}, measures)
    asked = tuple(query for query in queries if query.id in found)
    return JudgedResults(
        queries=asked,
        gains=gains,
        found=found,
        values={
            measure: tuple(by_query[measure][query.id] for query in asked) for measure in measures
        },
        set_aside=tuple(set_aside),
    )


def _chance(measure: str, candidates: int, gains: Mapping[str, int]) -> float:
    above = tuple(gain for gain in gains.values() if gain > 0)
    name, _, k = measure.partition("@")
    if name == "nDCG":
        return expected_ndcg(above, candidates, int(k))
    return by_chance(measure, candidates, len(above))
