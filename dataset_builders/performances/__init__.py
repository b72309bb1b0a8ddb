"""Performances: scores, how people played them, and where in the score each moment of the playing is."""
