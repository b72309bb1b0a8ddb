"""All Spaces as tabs of one page."""
