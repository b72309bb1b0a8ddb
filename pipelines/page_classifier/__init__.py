"""Score / non-score page classifier: a transformers image-classification repository."""
