"""Which pages are music: the page classifier's probability, and how much of the page its staves span."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

from scorehub.dataset_builders.musicscore.config import EMBEDDED_MODEL

SCORE_LABEL = "score"


class PageClassifier:
    """An image-classification model with a label `score`.

    Args:
        model: folder or Hub id; the weights inside the package by default.

    Raises:
        ValueError: the model has no such label.
    """

    def __init__(self, model: str | Path = EMBEDDED_MODEL):
        self.processor = AutoImageProcessor.from_pretrained(model)
        # Channels-last makes convolutions on a CPU twice as fast.
        self.model = (
            AutoModelForImageClassification.from_pretrained(model).eval().to(memory_format=torch.channels_last)
        )
        labels = self.model.config.label2id
        if SCORE_LABEL not in labels:
            raise ValueError(f"labels of the page classifier must include {SCORE_LABEL!r}, got {sorted(labels)}")
        self.score_index = labels[SCORE_LABEL]

    @torch.inference_mode()
    def __call__(self, pages: Sequence[np.ndarray]) -> list[float]:
        """Probability of music for each grey page `(H, W)`, uint8, 255 = paper; four decimals."""
        images = [Image.fromarray(page).convert("RGB") for page in pages]
        pixels = self.processor(images, return_tensors="pt").pixel_values  # (B, 3, H, W)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # curation runs a process per core; and one order of summation gives one result
        try:
            logits = self.model(pixels.contiguous(memory_format=torch.channels_last)).logits  # (B, labels)
        finally:
            torch.set_num_threads(threads)
        return [round(p, 4) for p in logits.softmax(-1)[:, self.score_index].tolist()]
