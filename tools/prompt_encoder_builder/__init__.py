"""Builds the prompt encoder that ships: all-MiniLM-L6-v2 distilled to one vector a word piece."""
