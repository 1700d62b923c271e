"""Endpoints, by what they are for."""
