"""Renders furniture models into the catalog that ships, and into larger sets on demand."""
