"""Music transcription: features, networks for staves and recordings, word graphs and their fusion."""
