"""Saves a transcription model as a folder that `pipeline("music-transcription")` loads, here or from the Hub.

save_folder(model, processor, Path("runs/pair/model"))
"""

from pathlib import Path
from typing import Any, cast

from transformers import AutoModel, pipeline
from transformers.pipelines import PIPELINE_REGISTRY

from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel
from scorehub.pipelines.music_transcription.pipeline_music_transcription import MusicTranscriptionPipeline
from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor
from scorehub.trainers.half_weights import half_weights

TASK = "music-transcription"


def save_folder(model: MusicTranscriptionModel, processor: MusicTranscriptionProcessor, folder: Path) -> None:
    """Saves all that a Hub repository needs but its card: weights, configurations, language model if any, and code.

    Weights are written in half precision and are single when they are loaded.

    Raises:
        ValueError: vocabularies differ, or a weight is too large for half precision.
    """
    if processor.vocabulary != list(model.config.vocabulary):
        raise ValueError("processor must have the model's vocabulary, got another")
    type(model.config).register_for_auto_class()
    MusicTranscriptionModel.register_for_auto_class("AutoModel")
    PIPELINE_REGISTRY.register_pipeline(TASK, MusicTranscriptionPipeline, pt_model=AutoModel)
    ready = cast(Any, pipeline)(TASK, model=model, processor=processor, device=model.device)
    ready.save_pretrained(folder, state_dict=half_weights(model))
    save_processor(processor, folder)


def save_processor(processor: MusicTranscriptionProcessor, folder: Path) -> None:
    """Saves, or replaces, settings and language model of a folder."""
    MusicTranscriptionProcessor.register_for_auto_class("AutoProcessor")
    processor.save_pretrained(folder)
