"""Transcribe a picture of a staff, a recording of it, or both."""
