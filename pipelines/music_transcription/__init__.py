"""Music transcription: the features that an audio-to-score model sees."""
