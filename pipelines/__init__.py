"""Pipelines: every folder here is a complete Hub model repository."""
