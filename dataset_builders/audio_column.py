"""The audio column of our datasets: FLAC files, mono, which are read with soundfile."""

from datasets import Audio

SAMPLE_RATE = 22_050  # of the score followers and of the transcription baseline, and of their features

AUDIO = Audio(sampling_rate=SAMPLE_RATE, decode=False)  # decoding would need torchcodec
