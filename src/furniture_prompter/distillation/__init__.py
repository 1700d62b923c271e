"""A large encoder teaches a small one: networks, training, export. The room where torch lives."""
