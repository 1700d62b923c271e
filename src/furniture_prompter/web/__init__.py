"""The HTTP door: the API and what keeps it up."""
