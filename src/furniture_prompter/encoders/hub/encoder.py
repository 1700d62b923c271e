"""A teacher that runs: PyTorch and transformers over a folder, without a network."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel

from furniture_prompter.domain.images import RgbImage
from furniture_prompter.encoders.card import EncoderCard, Preprocessing
from furniture_prompter.encoders.hub.architecture import Architecture
from furniture_prompter.encoders.hub.devices import batch_images, half_precision
from furniture_prompter.encoders.hub.preprocessor import Normalisation
from furniture_prompter.encoders.hub.text import PromptTokenizer
from furniture_prompter.encoders.hub.vision import ImageNetwork, pooled, unit_rows
from furniture_prompter.encoders.hub.weights import load_tower
from furniture_prompter.encoders.preprocessing import preprocess
from furniture_prompter.errors import EncoderError

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
        """Use :func:`furniture_prompter.encoders.hub.loading.load_hub_encoder`."""
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
        """Encode prompts into the photos' space; see the protocol for what is promised.

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
