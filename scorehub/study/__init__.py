"""Studies that take many trainings: which of two ways of reading music, or both, is right, and how sure that is."""
