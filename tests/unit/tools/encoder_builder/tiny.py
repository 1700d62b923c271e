"""A network of a few channels, so that graph, quantisation and build are tested in milliseconds."""

import numpy as np

from tools.encoder_builder.networks import Block, Convolution, Network


def tiny_network(padding: str = "same") -> Network:
    """Stem, one residual block and one block with stride; random weights of a fixed seed."""
    generator = np.random.default_rng(3)

    def layer(
        name: str, out: int, width: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> Convolution:
        shape = (out, width // groups, kernel, kernel)
        return Convolution(
            name=name,
            weight=(generator.standard_normal(shape) / kernel).astype(np.float32),
            bias=(generator.standard_normal(out) / 10).astype(np.float32),
            stride=stride,
            groups=groups,
            clipped=not name.endswith("project"),
        )

    return Network(
        name="tiny",
        blocks=(
            Block((layer("stem", 8, 3, 3, stride=2),), residual=False),
            Block(
                (layer("a_depth", 8, 8, 3, groups=8), layer("a_project", 8, 8, 1)), residual=True
            ),
            Block(
                (layer("b_depth", 8, 8, 5, stride=2, groups=8), layer("b_project", 12, 8, 1)),
                residual=False,
            ),
        ),
        mean=(127.0, 127.0, 127.0),
        scale=(128.0, 128.0, 128.0),
        padding="same" if padding == "same" else "symmetric",
        licence="CC0-1.0",
        source="random numbers",
        source_sha256={"tiny.pth": "0" * 64},
    )


def some_images(
    count: int, side: int = 64
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Coloured blocks on white."""
    generator = np.random.default_rng(5)
    images: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = []
    for _ in range(count):
        image = np.full((side, side, 3), 255, np.uint8)
        top, left = generator.integers(0, side // 2, 2)
        image[top : top + side // 2, left : left + side // 2] = generator.integers(0, 256, 3)
        images.append(image)
    return images
