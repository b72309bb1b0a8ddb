"""Browse MusicScore and see what curation decides about a PDF."""
