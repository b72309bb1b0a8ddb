"""Draw piano rolls with a score-SDE model, and repair passages of a piece."""
