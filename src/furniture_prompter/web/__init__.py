"""The HTTP API and what keeps it up."""
