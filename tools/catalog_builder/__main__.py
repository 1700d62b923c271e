"""``python -m tools.catalog_builder``."""

from tools.catalog_builder.cli import run

if __name__ == "__main__":
    run()
