"""Valid weights of every kind that a loader reads, of very small networks: what damage is done to."""

import re
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

from reliability_seeds import saved


def checkpoint_weights() -> dict[str, Any]:
    """The least that latent diffusion has."""
    import torch

    layers = [f"cond_stage_model.model.transformer.resblocks.{number}.weight" for number in range(3)]
    names = ["model.diffusion_model.in.weight", "model_ema.diffusion_modelinweight", "first_stage_model.out.bias"]
    return {name: torch.arange(8.0) for name in [*names, *layers, "betas", "model_ema.decay"]}


def checkpoint() -> bytes:
    """A .ckpt as Lightning wraps it."""
    import torch

    return saved(partial(torch.save, {"state_dict": checkpoint_weights(), "global_step": 3}))


def old_checkpoint() -> bytes:
    """One of the time before PyTorch 1.6, which names values by where they lie in memory: here all in one place, 0."""
    import torch

    content = {"state_dict": dict.fromkeys(checkpoint_weights(), torch.arange(8.0)), "global_step": 3}
    data = saved(partial(torch.save, content, _use_new_zipfile_serialization=False))
    return re.sub(rb"X.\0\0\0\d{9,20}", b"X\1\0\0\0" + b"0", data)


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
    """Files of a very small network, the same each time."""
    import torch

    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        _network(kind).save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _network(kind: str) -> Any:
    if kind == "chorales":
        from scorehub.pipelines.chorales.modeling_chorales import ChoralesConfig, ChoralesModel

        return ChoralesModel(ChoralesConfig(width=8, layers=1, embedding=4, context=8))
    from scorehub.pipelines.score_following.modeling_score_follower import ScoreFollowerConfig, ScoreFollowerModel

    sizes = {"sheet_channels": (2, 4, 4, 4), "audio_channels": (2, 4, 4, 4)}
    return ScoreFollowerModel(ScoreFollowerConfig(embedding_size=8, sheet_hidden=8, audio_hidden=8, **sizes))
