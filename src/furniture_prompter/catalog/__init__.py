"""Storage of products, photos and vectors in atomic versions."""
