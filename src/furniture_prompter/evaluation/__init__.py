"""Measuring search quality through the calls that users make."""
