"""The network that was distilled, asked in full: what the export is held against."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class Network:
    """all-MiniLM-L6-v2 as its authors use it: mean of the last layer, unit length."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        self._network = AutoModel.from_pretrained(str(folder), local_files_only=True).eval()

    def encode(self, prompts: list[str], /) -> NDArray[np.float32]:
        """Encode into unit rows of shape (len(prompts), 384)."""
        import torch

        inputs = self._tokenizer(prompts, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            states = self._network(**inputs).last_hidden_state
        mask = inputs["attention_mask"][:, :, None]
        mean = (states * mask).sum(1) / mask.sum(1)
        return np.asarray(torch.nn.functional.normalize(mean, dim=1).numpy(), np.float32)
