"""What decoding takes of memory: ``python -m benchmarks.decoding_costs``.

The limits of ``furniture_prompter.encoders.decoding_memory`` follow these figures.
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.provenance import DataSet, add_output_option, write_result
from furniture_prompter.encoders.decoding import DEFAULT_LIMITS, decode_photo

SIDE_PX = 2_000
WARM_SIDE_PX = 64
# name: mode, Pillow's format, how it is saved.
KINDS: Mapping[str, tuple[str, str, dict[str, Any]]] = MappingProxyType(
    {
        "JPEG": ("RGB", "JPEG", {}),
        "JPEG, grey": ("L", "JPEG", {}),
        "JPEG, CMYK": ("CMYK", "JPEG", {}),
        "JPEG, progressive": ("RGB", "JPEG", {"progressive": True}),
        "JPEG, progressive, 4:4:4": ("RGB", "JPEG", {"progressive": True, "subsampling": 0}),
        "PNG, 1": ("1", "PNG", {"compress_level": 1}),
        "PNG, L": ("L", "PNG", {"compress_level": 1}),
        "PNG, P": ("P", "PNG", {"compress_level": 1}),
        "PNG, I;16": ("I;16", "PNG", {"compress_level": 1}),
        "PNG, LA": ("LA", "PNG", {"compress_level": 1}),
        "PNG, RGB": ("RGB", "PNG", {"compress_level": 1}),
        "PNG, RGBA": ("RGBA", "PNG", {"compress_level": 1}),
        "WEBP, lossy, RGB": ("RGB", "WEBP", {"method": 0}),
        "WEBP, lossy, RGBA": ("RGBA", "WEBP", {"method": 0}),
        "WEBP, lossless, RGB": ("RGB", "WEBP", {"lossless": True, "method": 0, "quality": 0}),
        "WEBP, lossless, RGBA": ("RGBA", "WEBP", {"lossless": True, "method": 0, "quality": 0}),
        "GIF, L": ("L", "GIF", {}),
        "GIF, P": ("P", "GIF", {}),
        "BMP, L": ("L", "BMP", {}),
        "BMP, RGB": ("RGB", "BMP", {}),
        "TIFF, L": ("L", "TIFF", {}),
        "TIFF, I;16": ("I;16", "TIFF", {}),
        "TIFF, RGB": ("RGB", "TIFF", {}),
        "TIFF, RGBA": ("RGBA", "TIFF", {}),
        "TIFF, CMYK": ("CMYK", "TIFF", {}),
        "TIFF, RGB, LZW": ("RGB", "TIFF", {"compression": "tiff_lzw"}),
        "TIFF, RGBA, LZW": ("RGBA", "TIFF", {"compression": "tiff_lzw"}),
        "TIFF, RGB, turned": ("RGB", "TIFF", {"exif": {0x0112: 6}}),
        "AVIF, RGB": ("RGB", "AVIF", {"speed": 10}),
        "AVIF, RGBA": ("RGBA", "AVIF", {"speed": 10}),
        "HEIF, RGB": ("RGB", "HEIF", {}),
        "HEIF, RGBA": ("RGBA", "HEIF", {}),
    }
)


def picture(mode: str, side_px: int) -> Image.Image:
    """Soft shapes with a little grain, as photos of furniture have."""
    across, down = np.meshgrid(*(np.linspace(0, 9, side_px, dtype=np.float32),) * 2)
    soft = 120 + 90 * np.sin(across) * np.cos(down)
    grain = np.random.default_rng(1).integers(-4, 5, soft.shape, np.int8)
    grey = (soft + grain).astype(np.uint8)
    if mode == "I;16":
        return Image.fromarray(grey.astype(np.uint16) * 257)
    if mode in {"1", "L", "P"}:
        return Image.fromarray(grey).convert(mode)
    channels = {"RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2}[mode]
    pixels = np.stack([np.roll(grey, 200 * each, axis=0) for each in range(channels)], axis=2)
    return Image.frombytes(mode, (side_px, side_px), pixels.tobytes())


def saved(kind: str, side_px: int) -> bytes:
    """A file of a kind."""
    mode, file_format, options = KINDS[kind]
    if file_format == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener()
    chosen = dict(options)
    if "exif" in chosen:
        exif = Image.Exif()
        exif.update(chosen["exif"])
        chosen["exif"] = exif
    file = io.BytesIO()
    picture(mode, side_px).save(file, file_format, **chosen)
    return file.getvalue()


def _peak_kb() -> int:
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def measure_here(small: Path, large: Path) -> None:
    """Decode both files in this process and print what the large one added, a pixel, in bytes."""
    limits = replace(DEFAULT_LIMITS, limit_memory_bytes=1 << 40, limit_bytes=1 << 30)
    # What the libraries load and keep, whatever the size, is not the photo's.
    decode_photo(small.read_bytes(), name="small", limits=limits)
    data = large.read_bytes()
    before_kb = _peak_kb()
    image = decode_photo(data, name="large", limits=limits)
    print(1024 * (_peak_kb() - before_kb) / (image.shape[0] * image.shape[1]))


def measured(kind: str, folder: Path) -> dict[str, Any]:
    """One row of the table."""
    small, large = folder / "small", folder / "large"
    small.write_bytes(saved(kind, WARM_SIDE_PX))
    data = saved(kind, SIDE_PX)
    large.write_bytes(data)
    command = [sys.executable, "-m", "benchmarks.decoding_costs", "--here", str(small), str(large)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {
        "photo": kind,
        "file, MB": round(len(data) / 1e6, 1),
        "bytes a pixel": round(float(output), 1),
    }


def main() -> None:
    """Measure every kind, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    add_output_option(parser, "decoding_costs")
    arguments = parser.parse_args()
    if arguments.here:
        measure_here(*arguments.here)
        return
    with tempfile.TemporaryDirectory() as name:
        rows = []
        for kind in arguments.kinds:
            rows.append(measured(kind, Path(name)))
            print(rows[-1], file=sys.stderr)
    write_result(
        arguments.out,
        title="Memory of decoding",
        data=[
            DataSet(
                "soft shapes with grain",
                hashlib.sha256(picture("L", WARM_SIDE_PX).tobytes()).hexdigest(),
                f"drawn by the script, {SIDE_PX} px a side",
            )
        ],
        method=f"""Each row is a fresh process that decodes a small photo of the kind and then one
            of {SIDE_PX} × {SIDE_PX} pixels, at full size, to upright RGB on white. Memory is what
            the second adds to the process's peak (VmHWM), without the file itself. The limits of
            memory in furniture_prompter.encoders.decoding_memory are these figures, rounded
            up.""",
        figures={"rows": rows},
    )


if __name__ == "__main__":
    main()
