"""Shops without a feed: their pages fetched politely, what they sell written as a feed."""
