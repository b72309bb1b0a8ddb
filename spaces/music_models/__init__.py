"""Search the works of a survey of music by machine and the datasets of notes, and see the works over the years."""
