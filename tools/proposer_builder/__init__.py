"""Builds the finder of pieces that ships: rooms are rendered, and a head learns their boxes."""
