"""What tests of transcription share: small networks that read one drawn staff and hear one recording, exactly as said.

Their weights are random and seeded, and only the last layer is worked out, by least squares: in the frames that are
meant, its scores are logarithms of the probabilities that are asked for.
"""

import numpy as np
import torch

from scorehub.pipelines.music_transcription.configuration_music_transcription import BLANK, MusicTranscriptionConfig
from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel
from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor

RATE = 22_050
SECONDS = 3.0
SCORE = 12.0  # of what is certain, against 0 of all else


def drawn_staff(n_notes=7, height=128):
    """Five lines and as many blobs, four times as wide as high: uint8 (H, W)."""
    picture = np.full((height, 4 * height), 255, np.uint8)
    space = height // 10
    for line in range(5):
        picture[3 * space + line * space][:] = 0
    for note in range(n_notes):
        x, y = int((note + 0.5) * 4 * height / n_notes), 3 * space + (note * 5 % 9) * space // 2
        picture[y - space // 3 : y + space // 3, x - space // 2 : x + space // 2] = 0
    return picture


def played_tones():
    """Three tones, one after the other, and hiss, so that no two frames are alike: float32 (N,)."""
    times = np.arange(int(SECONDS * RATE)) / RATE
    pitch = np.array([60, 65, 67])[np.minimum(2, times.astype(int))]
    tones = 0.3 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * times) * np.exp(-2 * (times % 1))
    return (tones + np.random.default_rng(0).normal(0, 0.05, len(times))).astype(np.float32)


def small_transcriber(picture, seen, audio, heard):
    """Model and processor, without a language model.

    Args:
        seen: what is read in the picture, evenly from left to right: of each sign its tokens' probabilities.
        heard: of a recording at 22,050 Hz likewise.
    """
    torch.manual_seed(0)
    tokens = sorted({token for sign in (*seen, *heard) for token in sign})
    config = MusicTranscriptionConfig(vocabulary=[BLANK, *tokens], optical="paper", audio="baseline", width=0.5)
    model = MusicTranscriptionModel(config).eval()
    processor = MusicTranscriptionProcessor(config.vocabulary, audio_rows=256)
    inputs = processor(images=picture, audio=audio, sampling_rate=RATE)
    for network, head, name, signs in (
        (model.optical, model.optical_head, "image", seen),
        (model.audio, model.audio_head, "audio", heard),
    ):
        with torch.no_grad():
            features, lengths = network(inputs[name], inputs[f"{name}_widths"])
        scores = _scores(len(features[0]), int(lengths[0]), signs, config.vocabulary)
        _solve(head, features[0].double(), scores)
    return model, processor


def frames(n_signs, n_frames):
    """In which each sign stands, alone."""
    return [int((number + 0.5) * n_frames / n_signs) for number in range(n_signs)]


def _scores(n_padded, n_frames, signs, vocabulary):
    scores = torch.zeros(n_padded, len(vocabulary), dtype=torch.double)
    scores[:, 0] = SCORE
    for frame, sign in zip(frames(len(signs), n_frames), signs, strict=True):
        scores[frame, 0] = 0
        for token, probability in sign.items():
            scores[frame, vocabulary.index(token)] = SCORE + np.log(probability)
    return scores


def _solve(head, features, scores):
    known = torch.cat([features, torch.ones(len(features), 1)], 1)
    solved = torch.linalg.lstsq(known, scores, driver="gelsd").solution
    head.weight.data, head.bias.data = solved[:-1].T.float().contiguous(), solved[-1].float()
