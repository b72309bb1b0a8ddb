"""Spaces: every folder here is a complete Hub Space."""
