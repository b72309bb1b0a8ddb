"""Valid weights of every kind that a loader reads, of very small networks: what damage is done to."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from reliability_seeds import saved


def checkpoint_weights() -> dict[str, Any]:
    """The least that latent diffusion has."""
    import torch

    layers = [f"cond_stage_model.model.transformer.resblocks.{number}.weight" for number in range(3)]
    names = ["model.diffusion_model.in.weight", "model_ema.diffusion_modelinweight", "first_stage_model.out.bias"]
    return {name: torch.arange(8.0) for name in [*names, *layers, "betas", "model_ema.decay"]}


def checkpoint(zipped: bool = True) -> bytes:
    """A .ckpt as Lightning wraps it, or as it was before PyTorch 1.6."""
    import torch

    content = {"state_dict": checkpoint_weights(), "global_step": 3}
    return saved(lambda path: torch.save(content, path, _use_new_zipfile_serialization=zipped))


def tensors() -> bytes:
    """The same as safetensors."""
    from safetensors.torch import save

    return save(checkpoint_weights())


def language_model() -> bytes:
    """A model of three tokens."""
    from scorehub.pipelines.music_transcription.language_model import NgramModel

    return saved(NgramModel.fit([[1, 2, 3, 2], [1, 3, 2]] * 3, 3, order=3, smoothing="witten-bell").save)


@cache
def model_files(kind: str) -> dict[str, bytes]:
    """Files of a very small network."""
    if kind == "chorales":
        from scorehub.pipelines.chorales.modeling_chorales import ChoralesConfig, ChoralesModel

        network: Any = ChoralesModel(ChoralesConfig(width=8, layers=1, embedding=4, context=8))
    else:
        from scorehub.pipelines.score_following.modeling_score_follower import ScoreFollowerConfig, ScoreFollowerModel

        sizes = {"sheet_channels": (2, 4, 4, 4), "audio_channels": (2, 4, 4, 4)}
        network = ScoreFollowerModel(ScoreFollowerConfig(embedding_size=8, sheet_hidden=8, audio_hidden=8, **sizes))
    with tempfile.TemporaryDirectory() as folder:
        network.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}
