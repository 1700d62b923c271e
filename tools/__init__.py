"""Build tools of the project; not part of the package that users install."""
