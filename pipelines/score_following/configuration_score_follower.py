"""Configuration of the score follower's network."""

from transformers import PretrainedConfig


class ScoreFollowerConfig(PretrainedConfig):
    """Sizes of the two encoders, and how the belief moves.

    Args:
        embedding_size: of what sheet and audio know beside pitches.
        sheet_channels: of the convolutions over a staff's strip.
        sheet_hidden: of the recurrent layer along a staff, each way.
        audio_channels: of the convolutions over the spectrogram.
        audio_hidden: of the recurrent layer over time.
        evidence: how much a frame's evidence counts; frames that overlap and sustained notes say things twice.
        tolerance: how many times better than here music must fit another passage to speak for that one.
        tempo_change: share of belief that moves to the next faster and to the next slower tempo in a frame.
        hold: share of belief that stops in a frame, for a rest or a fermata.
        resume: share of stopped belief that goes on in a frame.
        jump: share of belief that begins anew anywhere in a frame.
    """

    model_type = "score_follower"

    embedding_size: int = 64
    sheet_channels: tuple[int, ...] | list[int] = (16, 32, 32, 24)
    sheet_hidden: int = 128
    audio_channels: tuple[int, ...] | list[int] = (16, 32, 32, 48)
    audio_hidden: int = 160
    evidence: float = 0.15
    tolerance: float = 10.0
    tempo_change: float = 0.05
    hold: float = 0.01
    resume: float = 0.1
    jump: float = 1e-5
