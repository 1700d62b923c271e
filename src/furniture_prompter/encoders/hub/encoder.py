"""A teacher that runs: PyTorch and transformers over a folder, without a network."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel

from furniture_prompter.domain.product import RgbImage
from furniture_prompter.encoders.card import EncoderCard, Preprocessing
from furniture_prompter.encoders.hub.architecture import Architecture, load_tower, read_architecture
from furniture_prompter.encoders.hub.preprocessing import (
    Normalisation,
    PromptTokenizer,
    read_preprocessor,
)
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.encoders.processors import available_cpus
from furniture_prompter.errors import EncoderDamagedError, EncoderError
from furniture_prompter.settings import Settings

_SMALLEST_LENGTH = 1e-12
"""Keeps a vector of zeros from becoming not-a-number; any real one is far longer."""


class ImageNetwork(nn.Module):
    """Everything after :func:`~furniture_prompter.encoders.preprocessing.preprocess`.

    Takes uint8 (n, side, side, 3), sRGB, and gives float32 (n, dimension), rows of unit length: the
    centre crop, rescaling and normalising of the checkpoint's own settings, the vision tower, its
    pooled (and, for CLIP, projected) features. Features keep float32 from the tower's end on,
    whatever the tower runs in.
    """

    def __init__(self, tower: PreTrainedModel, normalisation: Normalisation, side_px: int) -> None:
        super().__init__()
        self.tower = tower
        self._first = (side_px - normalisation.crop_px) // 2
        self._last = self._first + normalisation.crop_px
        self.scale: torch.Tensor
        self.shift: torch.Tensor
        # (x · rescale - mean) / deviation, as one product and one sum.
        deviation = torch.tensor(normalisation.deviation, dtype=torch.float64)
        scale = normalisation.rescale / deviation
        shift = -torch.tensor(normalisation.mean, dtype=torch.float64) / deviation
        self.register_buffer("scale", scale.float().view(1, 3, 1, 1))
        self.register_buffer("shift", shift.float().view(1, 3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Encode (n, side, side, 3) into (n, dimension)."""
        centre = images[:, self._first : self._last, self._first : self._last, :]
        values = centre.permute(0, 3, 1, 2).to(torch.float32) * self.scale + self.shift
        output = self.tower(values.to(self.tower.dtype))
        return unit_rows(pooled(output))


def pooled(output: object) -> torch.Tensor:
    """Rows (n, d), float32, from what a tower of transformers returns: one a photo or prompt."""
    features = next(
        value
        for name in ("image_embeds", "text_embeds", "pooler_output")
        if isinstance(value := getattr(output, name, None), torch.Tensor)
    )
    return features.flatten(1).to(torch.float32)


def unit_rows(features: torch.Tensor) -> torch.Tensor:
    """Divide every row of (n, d) by its length."""
    length: torch.Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / length.clamp_min(_SMALLEST_LENGTH)


_BATCH_IMAGES = {"cuda": 64, "mps": 16, "cpu": 8}
"""Images in one run: a GPU wants many to be busy, a CPU gains next to nothing past a few."""


def choose_device(name: str | None) -> torch.device:
    """The device of that name; for None or "auto" the best that is there.

    Raises:
        EncoderError: there is no such device on this machine.
    """
    if name is None or name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise EncoderError(
            f"There is no device {name!r}. Name auto, cpu, cuda, cuda:0 or mps."
        ) from error
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise EncoderError(
            f"This machine, or this build of torch {torch.__version__}, has no device {name!r}. "
            "Set FURNITURE_PROMPTER_ENCODER_DEVICE to auto or cpu."
        )
    return device


def batch_images(device: torch.device) -> int:
    """Images to run at once on ``device``."""
    return _BATCH_IMAGES[device.type]


def half_precision(device: torch.device) -> torch.dtype | None:
    """The half precision worth trying on ``device``; None where float32 is the better choice.

    On a CPU float16 is emulated, and Apple's MPS is left at float32 because nobody has measured it
    here. Whether it is safe for a given network is found out by running it.
    """
    return torch.float16 if device.type == "cuda" else None


_BATCH_PROMPTS = 64

_HALF_COSINE = 0.999
"""A tower runs in half precision only where this much of its float32 vectors is kept on every
probe: the difference is then below what resizing a photo differently makes."""


class HubEncoder:
    """A :class:`~furniture_prompter.encoders.protocols.CrossModalEncoder` over a pulled folder.

    Each tower is read when it is first used, so that indexing photos does not hold the text tower
    in memory and a prompt does not wait for the image tower. Safe to use from several threads.
    """

    def __init__(
        self,
        card: EncoderCard,
        folder: Path,
        architecture: Architecture,
        images: tuple[Preprocessing, Normalisation],
        device: torch.device,
    ) -> None:
        """Use :func:`furniture_prompter.encoders.hub.encoder.load_hub_encoder`."""
        self._card = card
        self._weights = folder / card.weights_file
        self._folder = folder
        self._architecture = architecture
        self._spec, self._normalisation = images
        self._device = device
        self._lock = threading.Lock()
        self._images: ImageNetwork | None = None
        self._prompts: tuple[PromptTokenizer, _PromptNetwork] | None = None

    @property
    def card(self) -> EncoderCard:
        """What this encoder is."""
        return self._card

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._device

    @property
    def image_network(self) -> ImageNetwork:
        """The image side: uint8 (n, side, side, 3) to unit rows, on :attr:`device`."""
        with self._lock:
            if self._images is None:
                tower = load_tower(self._architecture, "vision", self._weights, self._device)
                network = ImageNetwork(tower, self._normalisation, self._spec.side_px)
                self._images = network.to(self._device).eval()
                _halve_where_safe(tower, self._images, _probe_images(self._spec.side_px))
            return self._images

    def _prompt_network(self) -> "tuple[PromptTokenizer, _PromptNetwork]":
        with self._lock:
            if self._prompts is None:
                tokenizer = PromptTokenizer.load(self._folder, self._architecture)
                tower = load_tower(self._architecture, "text", self._weights, self._device)
                self._prompts = tokenizer, _PromptNetwork(tower).eval()
                probe, _ = tokenizer.rows(["a white wooden chair", "lamp"])
                _halve_where_safe(tower, self._prompts[1], probe)
            return self._prompts

    def encode(self, images: Sequence[RgbImage]) -> NDArray[np.float32]:
        """Encode images of shape (height, width, 3); see the protocol for what is promised."""
        vectors = np.empty((len(images), self._card.dimension), np.float32)
        step = batch_images(self._device)
        for start in range(0, len(images), step):
            batch = np.stack(
                [preprocess(image, self._spec) for image in images[start : start + step]]
            )
            rows = self._run(self.image_network, torch.from_numpy(batch))
            vectors[start : start + len(batch)] = rows
        return vectors

    def encode_prompts(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Encode prompts into unit rows (n, d) of the photos' space, as the protocol promises.

        Raises:
            EncoderError: this encoder has no text tower.
        """
        if isinstance(prompts, str):
            raise TypeError(
                "encode_prompts() takes a sequence of prompts; write encode_prompts([prompt])."
            )
        if "text" not in self._architecture.towers:
            raise EncoderError(
                f"{self._card.name} has no text tower. Name an encoder that encodes prompts; "
                "`furniture-prompter encoders` says which do."
            )
        vectors = np.zeros((len(prompts), self._card.dimension), np.float32)
        tokenizer, network = self._prompt_network()
        rows, given = tokenizer.rows(prompts)
        for start in range(0, len(given), _BATCH_PROMPTS):
            vectors[given[start : start + _BATCH_PROMPTS]] = self._run(
                network, rows[start : start + _BATCH_PROMPTS]
            )
        return vectors

    def _run(self, network: nn.Module, batch: torch.Tensor) -> NDArray[np.float32]:
        try:
            with torch.inference_mode():
                rows: NDArray[np.float32] = network(batch.to(self._device)).cpu().numpy()
        except RuntimeError as error:
            raise EncoderError(
                f"Encoder {self._card.name} failed on {len(batch)} items on {self._device}: "
                f"{error}. Close other programs that use it, or set "
                "FURNITURE_PROMPTER_ENCODER_DEVICE=cpu."
            ) from error
        if not np.isfinite(rows).all():
            raise EncoderError(
                f"Encoder {self._card.name} gave numbers that are not finite on {self._device}. "
                "Set FURNITURE_PROMPTER_ENCODER_DEVICE=cpu; if it stays, pull the encoder again."
            )
        return rows


class _PromptNetwork(nn.Module):
    """int64 (n, tokens) to unit rows (n, dimension). No mask: see the families in ``text``."""

    def __init__(self, tower: PreTrainedModel) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return unit_rows(pooled(self.tower(input_ids=rows)))


def _halve_where_safe(tower: nn.Module, network: nn.Module, probe: torch.Tensor) -> None:
    """Turn ``tower`` to the device's half precision if its vectors of ``probe`` hardly change."""
    device = next(tower.parameters()).device
    half = half_precision(device)
    if half is None:
        return
    exact = {name: value.data for name, value in tower.named_parameters()}
    exact |= {name: value.data for name, value in tower.named_buffers()}
    with torch.inference_mode():
        wanted = network(probe.to(device))
    tower.to(half)
    with torch.inference_mode():
        given = network(probe.to(device))
    # A comparison with not-a-number is false, so an overflow counts as unsafe.
    if not bool(((wanted * given).sum(dim=1) >= _HALF_COSINE).all()):
        for name, value in (*tower.named_parameters(), *tower.named_buffers()):
            value.data = exact[name]


def _probe_images(side_px: int) -> torch.Tensor:
    """Black, white, a ramp and noise: the extremes that an overflow would show on."""
    ramp = torch.linspace(0, 255, side_px).expand(side_px, side_px)
    noise = torch.rand((side_px, side_px, 3), generator=torch.Generator().manual_seed(0)) * 255
    images = (
        torch.zeros((side_px, side_px, 3)),
        torch.full((side_px, side_px, 3), 255.0),
        ramp[:, :, None].expand(-1, -1, 3),
        noise,
    )
    return torch.stack(images).to(torch.uint8)


def load_hub_encoder(
    folder: Path, *, threads: int | None = None, device: str | None = None, verify: bool = True
) -> HubEncoder:
    """Open the teacher in ``folder``: ``card.json`` and the checkpoint it names.

    Args:
        folder: Where the card lies.
        threads: Threads of PyTorch in the whole process; None takes the processors it may use.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps"; None takes the setting.
        verify: Compare every file with the card's sha256 first (about a second a gigabyte).

    Raises:
        EncoderNotFoundError: no card there.
        EncoderDamagedError: card, configuration and files do not fit together.
        EncoderError: there is no such device.
    """
    card = EncoderCard.load(folder)
    if card.preprocessing is None or card.runtime != "hub":
        raise EncoderDamagedError(
            f"The card in {folder} is that of a {card.kind} encoder run by {card.runtime}, not of "
            "a teacher. Load it by its name; `furniture-prompter encoders` lists all."
        )
    if verify:
        card.verify_files(folder)
    architecture = read_architecture(folder)
    preprocessing, normalisation = read_preprocessor(folder)
    if architecture.dimension != card.dimension or preprocessing != card.preprocessing:
        raise EncoderDamagedError(
            f"The card in {folder} says {card.dimension} dimensions and {card.preprocessing}, but "
            f"the checkpoint gives {architecture.dimension} and {preprocessing}. Pull it again."
        )
    torch.set_num_threads(threads or available_cpus())
    return HubEncoder(
        card,
        folder,
        architecture,
        (preprocessing, normalisation),
        choose_device(device or Settings().encoder_device),
    )
