"""Search furniture catalogs by photo, by prompt or by both."""
