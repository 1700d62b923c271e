"""Benchmark: do prompts find photos of products whose text was never seen?"""
