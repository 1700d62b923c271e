"""Query understanding: sizes, prices, counts, colours, materials and negation in prompts."""
