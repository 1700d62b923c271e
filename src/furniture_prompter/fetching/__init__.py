"""Web addresses: which may be asked at all, and photos and feeds fetched from them."""
