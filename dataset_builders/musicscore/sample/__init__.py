"""The sample set of MusicScore: tunes that the project encodes, engraved, typeset and scanned on the spot."""
