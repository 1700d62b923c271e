"""The HTTP interface: the API and what keeps it up."""
