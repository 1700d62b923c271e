"""Benchmarking of encoders and search on a catalog's own photos."""
