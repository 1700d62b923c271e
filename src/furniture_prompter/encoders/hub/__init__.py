"""Teachers from a model hub: pulled once by hash, then served from a folder without a network."""
