"""Builds the image encoder that ships: `python -m tools.encoder_builder build`."""
