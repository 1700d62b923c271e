"""From feed rows to a new catalog version."""
