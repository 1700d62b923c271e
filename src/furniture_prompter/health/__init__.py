"""Health of a catalog's data: photos, words and numbers that cost it searches."""
