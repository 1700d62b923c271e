"""Mutated photos sent to the search endpoint: ``python -m benchmarks.upload_fuzz --files 10000``.

Every answer must be a hit list or a refusal in the API's error shape, and in between and afterwards
whole photos must be answered exactly as before.
"""

import argparse
import asyncio
import io
import os
import random
import re
import struct
import sys
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from benchmarks.api_server import ServedApi
from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter.assembly import index
from furniture_prompter.atomic_files import sha256_of
from furniture_prompter.bundled import catalog_feed

Mutation = Callable[[random.Random, bytes, bytes], bytes]
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
# Numbers that lengths, sizes and offsets go wrong at.
_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def seeds(side_px: int = 64) -> list[bytes]:
    """Whole photos of every format that is read, grey, transparent and animated ones among them."""
    picture = Image.linear_gradient("L").resize((side_px, side_px + 9)).convert("RGB")
    picture.paste((160, 90, 40), (8, 20, side_px - 8, 40))
    files = [_saved(picture, name) for name in _FORMATS]
    files += [_saved(picture.convert("L"), "JPEG"), _saved(picture.convert("CMYK"), "JPEG")]
    files += [_saved(picture.convert("RGBA"), "PNG"), _saved(picture.convert("P"), "PNG")]
    files += [_saved(picture, "JPEG", progressive=True, quality=20)]
    files += [_saved(picture, "TIFF", compression="tiff_lzw")]
    rotated = Image.Exif()
    rotated[0x0112] = 6
    files += [_saved(picture, "JPEG", exif=rotated)]
    other = picture.rotate(90)
    files += [
        _saved(picture, name, save_all=True, append_images=[other]) for name in ("GIF", "WEBP")
    ]
    return files


def _saved(picture: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, name, **options)
    return buffer.getvalue()


def _truncate(rng: random.Random, file: bytes, _: bytes) -> bytes:
    return file[: rng.randrange(len(file))]


def _flip(rng: random.Random, file: bytes, _: bytes) -> bytes:
    data = bytearray(file)
    for _place in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _flip_head(rng: random.Random, file: bytes, _: bytes) -> bytes:
    """Headers are a small part of a file, and what decoders trust."""
    data = bytearray(file)
    for _place in range(rng.choice((1, 2, 4))):
        data[rng.randrange(min(64, len(data)))] = rng.randrange(256)
    return bytes(data)


def _edge(rng: random.Random, file: bytes, _: bytes) -> bytes:
    data = bytearray(file)
    width = rng.choice((1, 2, 4))
    value = rng.choice(_EDGES) & ((1 << 8 * width) - 1)
    place = rng.randrange(max(1, min(len(data) - width, rng.choice((64, len(data))))))
    data[place : place + width] = value.to_bytes(width, rng.choice(("big", "little")))
    return bytes(data)


def _splice(rng: random.Random, file: bytes, other: bytes) -> bytes:
    return file[: rng.randrange(len(file))] + other[rng.randrange(len(other)) :]


def _repeat(rng: random.Random, file: bytes, _: bytes) -> bytes:
    start = rng.randrange(len(file))
    end = min(len(file), start + rng.randrange(1, 200))
    return file[:end] + file[start:end] * rng.randrange(1, 30) + file[end:]


def _cut_out(rng: random.Random, file: bytes, _: bytes) -> bytes:
    start = rng.randrange(len(file))
    return file[:start] + file[start + rng.randrange(1, 200) :]


def _polyglot(rng: random.Random, file: bytes, _: bytes) -> bytes:
    """A photo that is something else as well, or that says so."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("../../evil.jpg"), file)
    parts = (
        buffer.getvalue(),
        b"%PDF-1.7\n",
        b"<script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"#!/bin/sh\n",
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
    )
    part = rng.choice(parts)
    return rng.choice((file + part, part + file, file[:12] + part + file[12:], part))


def _lying_size(rng: random.Random, file: bytes, _: bytes) -> bytes:
    """A header that promises far more, or fewer, pixels than there are bytes."""
    width, height = (rng.choice((0, 1, 2, 15, 9_000, 65_535, 2**31 - 1)) for _ in range(2))
    kind = rng.randrange(4)
    if kind == 0:
        return png(width, height, zlib.compress(bytes(1_000)))
    if kind == 1:
        return b"GIF89a" + struct.pack("<HH", width & 0xFFFF, height & 0xFFFF) + file[10:]
    if kind == 2:
        head = struct.pack("<IHHIIii", 0, 0, 0, 54, 40, width, height)
        return b"BM" + head + struct.pack("<HHIIiiII", 1, 24, 0, 0, 0, 0, 0, 0) + file
    frame = struct.pack(">BHHB", 8, height & 0xFFFF, width & 0xFFFF, 1) + b"\x01\x11\x00"
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + file[20:]


def _bomb(rng: random.Random, *_: bytes) -> bytes:
    """Few bytes that unpack to many."""
    zeros = zlib.compress(bytes(rng.choice((1_000_000, 20_000_000))), 9)
    side_px = rng.choice((1, 16, 8_000, 8_944, 8_945, 30_000))
    if rng.random() < 0.5:
        return png(side_px, side_px, zeros)
    text = b"zTXt" + b"Comment\x00\x00" + zeros
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    plain = png(20, 20, zlib.compress(bytes(20 * 61)))
    return plain[:33] + chunk + plain[33:]


def _tiny(rng: random.Random, *_: bytes) -> bytes:
    size = (rng.choice((1, 1, 2, 15, 16, 17)), rng.choice((1, 1, 2, 15, 16, 4_000)))
    return _saved(Image.new(rng.choice(("RGB", "L")), size), rng.choice(("PNG", "JPEG", "GIF")))


def _noise(rng: random.Random, file: bytes, _: bytes) -> bytes:
    return file[: rng.randrange(16)] + rng.randbytes(rng.choice((0, 1, 7, 100, 5_000)))


def png(width: int, height: int, pixels: bytes) -> bytes:
    """A PNG of 8-bit RGB with whatever stands for its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


MUTATIONS: dict[str, Mutation] = {
    "truncate": _truncate,
    "flip": _flip,
    "flip head": _flip_head,
    "edge number": _edge,
    "splice": _splice,
    "repeat": _repeat,
    "cut out": _cut_out,
    "polyglot": _polyglot,
    "lying size": _lying_size,
    "bomb": _bomb,
    "tiny": _tiny,
    "noise": _noise,
}


def mutated(count: int, seed: int, files: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """Kind and bytes of `count` mutated files; the same ones for the same seed.

    Every kind comes as often as the others, and a fifth of the files are mutated twice.
    """
    rng = random.Random(seed)  # noqa: S311  (repeatable, not secret)
    kinds = list(MUTATIONS)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        data = MUTATIONS[kind](rng, rng.choice(files), rng.choice(files))
        if data and rng.random() < 0.2:
            data = MUTATIONS[rng.choice(kinds)](rng, data, rng.choice(files))
        yield kind, data


AT_ONCE = 8
ARENAS = "2"
# How often whole photos are asked for in between.
CHECK_EVERY = 500
_REFUSED = {400, 413, 422}
# An absolute path, which no answer may show.
_PATH = re.compile(r"(?:^|[\s'\"(=])/\w")


@dataclass(slots=True)
class Outcome:
    """What a fuzz run met.

    Attributes:
        answered: Files by kind and status.
        failures: Files that were neither answered nor refused, as kind, number and answer.
        longest_ms: Longest time of one answer.
        checks: How often whole photos were asked for in between.
        differing: Of those answers, how many differed from the ones before the run.
    """

    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    longest_ms: float = 0.0
    checks: int = 0
    differing: int = 0


async def fuzz(
    client: httpx.AsyncClient, files: Iterable[tuple[str, bytes]], whole: Sequence[bytes]
) -> Outcome:
    """Send files to a search.

    Args:
        client: Speaks to the API.
        files: Kind and bytes of each.
        whole: Photos that are asked for before, in between and afterwards.
    """
    outcome = Outcome()
    places = asyncio.Semaphore(AT_ONCE)
    expected = [await _hits(client, photo) for photo in whole]

    async def send(number: int, kind: str, data: bytes) -> None:
        async with places:
            began = time.perf_counter()
            answer = await _search(client, data)
            elapsed_ms = 1000 * (time.perf_counter() - began)
        outcome.longest_ms = max(outcome.longest_ms, elapsed_ms)
        outcome.answered[kind, answer.status_code] += 1
        if not _is_right(answer):
            outcome.failures.append(f"{kind} {number}: {answer.status_code} {answer.text[:200]}")

    waiting: list[asyncio.Task[None]] = []
    for number, (kind, data) in enumerate(files, start=1):
        waiting.append(asyncio.create_task(send(number, kind, data)))
        if number % CHECK_EVERY == 0:
            await asyncio.gather(*waiting)
            waiting.clear()
            await _check(client, whole, expected, outcome)
            print(f"{number} files, {len(outcome.failures)} failures", file=sys.stderr)
    await asyncio.gather(*waiting)
    await _check(client, whole, expected, outcome)
    return outcome


async def _check(
    client: httpx.AsyncClient, whole: Sequence[bytes], expected: Sequence[Any], outcome: Outcome
) -> None:
    for photo, before in zip(whole, expected, strict=True):
        outcome.checks += 1
        outcome.differing += await _hits(client, photo) != before


async def _search(client: httpx.AsyncClient, photo: bytes) -> httpx.Response:
    return await client.post("/v1/search", files={"photo": ("photo.jpg", photo, "image/jpeg")})


async def _hits(client: httpx.AsyncClient, photo: bytes) -> Any:
    answer = await _search(client, photo)
    if answer.status_code != 200:
        raise RuntimeError(f"A whole photo was answered {answer.status_code}: {answer.text[:300]}")
    return [(hit["product"]["id"], hit["score"]) for hit in answer.json()["hits"]]


def _is_right(answer: httpx.Response) -> bool:
    """Whether an answer is a hit list, or a refusal that says what to do."""
    if answer.status_code == 200:
        return bool(answer.json()["hits"])
    if answer.status_code not in _REFUSED:
        return False
    error = answer.json()["error"]
    return set(error) == {"code", "message", "request_id"} and not _PATH.search(error["message"])


async def _fuzz_server(url: str, files: int, seed: int) -> Outcome:
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        return await fuzz(client, mutated(files, seed, seeds()), seeds(96)[:3])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="mutated files to send")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other files")
    add_output_option(parser, "upload_fuzz")
    arguments = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        catalog = Path(name) / "catalog"
        index(catalog_feed(), catalog)
        # For the server, which inherits it; this process has its own already.
        os.environ["MALLOC_ARENA_MAX"] = ARENAS
        with ServedApi.of_catalog(catalog, Path(name) / "log", queue_photos=4 * AT_ONCE) as api:
            before, memory_mb = [each.pid for each in api.workers()], api.resident_mb()
            outcome = asyncio.run(_fuzz_server(api.url, arguments.files, arguments.seed))
            after, memory_after_mb = [each.pid for each in api.workers()], api.resident_mb()
    for failure in outcome.failures[:20]:
        print(failure, file=sys.stderr)
    by_status: Counter[int] = Counter()
    rows: dict[str, Counter[str]] = {}
    for (kind, status), count in outcome.answered.items():
        by_status[status] += count
        rows.setdefault(kind, Counter())["answered" if status == 200 else "refused"] += count
    write_result(
        arguments.out,
        title="Mutated uploads",
        data=[DataSet("bundled", sha256_of(catalog_feed()), "the catalog that ships")],
        method=f"""Files made of whole JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF photos (grey, CMYK,
            palette, transparent, progressive, animated and rotated ones among them) by twelve kinds
            of mutation, seed {arguments.seed}, sent as multipart uploads to POST /v1/search of
            `serve`, {AT_ONCE} at once. Right is a hit list, or a refusal (400, 413, 422) in the
            API's error shape without a path. Every {CHECK_EVERY} files and at the end three whole
            photos are asked for, whose hits and scores must be those of before the run. The server
            runs with MALLOC_ARENA_MAX={ARENAS}, as the container and the unit do.""",
        figures={
            "rows": [
                {"what": "files", "count": sum(by_status.values())},
                *({"what": f"answers of {each}", "count": by_status[each]} for each in by_status),
                {"what": "neither hits nor a refusal", "count": len(outcome.failures)},
                {"what": "whole photos asked for in between", "count": outcome.checks},
                {"what": "of those answered differently", "count": outcome.differing},
                {"what": "processes that ended", "count": len(set(before) - set(after))},
                {"what": "longest answer, ms", "count": round(outcome.longest_ms)},
                {"what": "resident memory before, MB", "count": round(memory_mb)},
                {"what": "resident memory after, MB", "count": round(memory_after_mb)},
                {"what": "seconds", "count": round(time.perf_counter() - began)},
            ],
            "by mutation": [
                {"mutation": kind, "answered": counts["answered"], "refused": counts["refused"]}
                for kind, counts in sorted(rows.items())
            ],
        },
    )
    if outcome.failures or outcome.differing or before != after:
        sys.exit(1)


if __name__ == "__main__":
    main()
