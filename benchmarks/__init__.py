"""Scripts that measure what the product promises, each run as ``python -m benchmarks.<name>``."""
