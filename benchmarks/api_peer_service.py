"""The plain service that the API is held against: FastAPI, eager PyTorch, an exact index.

As the starting project built it: ResNet18 with a linear layer in float32, Pillow for photos, a flat
inner-product index of faiss, and a handler that does all of a request before the next one begins.
"""

import argparse
import base64
import io

import faiss
import numpy as np
import torch
import uvicorn
from fastapi import FastAPI
from PIL import Image
from pydantic import BaseModel
from torch import nn

from furniture_prompter.distillation.networks import IMAGENET_MEAN, IMAGENET_SCALE, build_backbone

SIDE_PX = 224
DIMENSION = 2_048
SEED = 7


class Search(BaseModel):
    """A search by photo, base64; the same request that the API takes."""

    photo: str
    limit: int = 10


class Hit(BaseModel):
    """A row of the index and its score."""

    row: int
    score: float


class Hits(BaseModel):
    """Best first."""

    hits: list[Hit]


class Encoder(nn.Module):
    """ResNet18's pooled features and a linear layer; images (n, 3, side, side) to (n, 2,048)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = build_backbone("resnet18")
        self.head = nn.Linear(self.backbone.width, DIMENSION)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Unit rows."""
        maps: torch.Tensor = self.backbone(images)
        projected: torch.Tensor = self.head(maps.mean(dim=(2, 3)))
        return nn.functional.normalize(projected, dim=1)


def create_app(photos: int) -> FastAPI:
    """The service over an index of `photos` random unit vectors."""
    torch.manual_seed(SEED)
    encoder = Encoder().eval()
    rows = np.random.default_rng(SEED).standard_normal((photos, DIMENSION), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(DIMENSION)
    index.add(rows)
    mean = np.array(IMAGENET_MEAN, np.float32)
    scale = np.array(IMAGENET_SCALE, np.float32)
    app = FastAPI()

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/search")
    async def search(query: Search) -> Hits:
        with Image.open(io.BytesIO(base64.b64decode(query.photo))) as photo:
            square = photo.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)
        pixels = ((np.asarray(square, np.float32) - mean) / scale).transpose(2, 0, 1)
        with torch.inference_mode():
            vector = encoder(torch.from_numpy(pixels[None].copy())).numpy()
        scores, found = index.search(vector, query.limit)
        return Hits(
            hits=[
                Hit(row=int(row), score=float(score))
                for row, score in zip(found[0], scores[0], strict=True)
            ]
        )

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, help="of PyTorch and faiss; their own unless given")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
        faiss.omp_set_num_threads(arguments.threads)
    app = create_app(arguments.photos)
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, access_log=False)


if __name__ == "__main__":
    main()
