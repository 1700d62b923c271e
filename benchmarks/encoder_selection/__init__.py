"""Choosing the default image encoder: networks, sizes, poolings, colour and precision compared."""
