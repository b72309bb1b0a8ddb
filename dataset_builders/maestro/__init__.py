"""MAESTRO: what pianists played on instruments that record MIDI; and any other MIDI files in the same columns."""
