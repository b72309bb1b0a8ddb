"""What tests of transcription share: networks of random weights, staves, tones, and posteriors as worked by hand."""

from itertools import cycle

import numpy as np
import torch

from scorehub.pipelines.music_transcription.configuration_music_transcription import MusicTranscriptionConfig
from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel
from scorehub.pipelines.music_transcription.pipeline_music_transcription import MusicTranscriptionPipeline
from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor

RATE = 22_050
VOCABULARY = ["<blank>", "barline", "clef-G2", "note-C4_quarter", "note-D4_quarter", "note-E4_half", "tie"]
BLANK, BARLINE, CLEF, C4, D4, E4, TIE = range(len(VOCABULARY))


def random_pipeline(optical="default", audio="default", decoding=None, language_model=None):
    """Small networks with seeded random weights."""
    torch.manual_seed(0)
    settings = MusicTranscriptionConfig(vocabulary=VOCABULARY, optical=optical, audio=audio, width=1 / 8)
    rows = 120 if audio in ("default", None) else 256
    processor = MusicTranscriptionProcessor(VOCABULARY, rows, decoding, language_model)
    model = MusicTranscriptionModel(settings).eval()
    return MusicTranscriptionPipeline(model=model, processor=processor, device="cpu")


def staff(width=600, n_staves=1, heights=range(9)):
    """Five lines and a notehead each 60 px, black on white, (120, W) for each staff; heights are counted downwards."""
    picture = np.full((120, width), 255, np.uint8)
    for line in range(5):
        picture[40 + 10 * line : 42 + 10 * line] = 0
    for number, height in zip(range(width // 60 - 1), cycle(heights)):
        left, top = 40 + 60 * number, 35 + 5 * height
        picture[top : top + 10, left : left + 14] = 0
    return np.concatenate([picture] * n_staves)


def tone(seconds=1.0, hz=440.0, rate=RATE):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def posteriors(*frames):
    """Logarithms (T, V) of frames (class, probability) or (class, probability, another class, its probability).

    What is left goes to the blank, where the blank is not named, and else to all others.
    """
    found = np.zeros((len(frames), len(VOCABULARY)))
    for row, (*named,) in zip(found, frames, strict=True):
        for token, probability in zip(named[::2], named[1::2], strict=True):
            row[token] = probability
        rest = 1 - row.sum()
        row += np.where(row > 0, 0, rest / (row == 0).sum()) if row[BLANK] else rest * (np.arange(len(row)) == BLANK)
    return torch.from_numpy(np.log(np.maximum(found, 1e-12)))
