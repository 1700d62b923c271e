"""Photo or prompt to vector: encoders, preprocessing, safe decoding, alignment."""
