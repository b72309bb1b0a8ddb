"""Tiny networks of chorales, as the Space finds them in a folder."""

import numpy as np
import torch

from scorehub.pipelines.chorales.configuration_chorales import NETWORKS, ChoralesConfig
from scorehub.pipelines.chorales.modeling_chorales import ChoralesModel

CADENCE = np.repeat([[72, 67, 64, 48], [72, 69, 65, 53], [71, 67, 62, 55], [72, 67, 64, 48]], 4, 0)


def tiny(kind, held_out_nll=None, **sizes):
    torch.manual_seed(0)
    sizes = {"width": 16, "layers": 1, "heads": 2, "embedding": 8, "dropout": 0.0, "context": 16} | sizes
    return ChoralesModel(ChoralesConfig(network=kind, held_out_nll=held_out_nll, **sizes)).eval()


def write_networks(folder):
    """Networks of which one has no weights yet, one a known likelihood, and one is slow enough to be stopped."""
    for kind in NETWORKS:
        sizes = {"width": 32, "layers": 2} if kind == "coconet" else {}
        tiny(kind, 0.47 if kind == "tonicnet" else None, **sizes).save_pretrained(folder / kind)
    (folder / "bachbot" / "model.safetensors").unlink()
    return folder
