"""Draw pages of music from words."""
