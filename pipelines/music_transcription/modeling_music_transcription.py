"""Networks that transcribe a staff of music: an optical one, one that hears, or both, each with a CTC head.

What comes out are log posteriors over the vocabulary, class 0 being CTC's blank; a word graph, a fusion or
`best_paths` makes tokens of them.

B items, H rows, W columns, T frames, V classes with the blank, L tokens. Pictures are ink from 0 to 1 (`features`),
padded to one width; nothing depends on what an item is padded with, or with whom it shares a batch (in training, batch
norm aside).
"""

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from . import residual
from .baseline import AudioNetwork, OpticalNetwork
from .configuration_music_transcription import MusicTranscriptionConfig
from .grad_spsa import GradSPSANetwork
from .residual import ResidualNetwork
from .sharing import GAMMA, sharing_penalty
from .symbols import SymbolHead

_VIEWS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))  # pixels to the right and down

Network = OpticalNetwork | AudioNetwork | GradSPSANetwork | ResidualNetwork


@dataclass
class MusicTranscriptionOutput(ModelOutput):
    """What comes of a batch; None where it was not asked for.

    Attributes:
        loss: (), CTC's, summed over the networks that learn.
        optical: (B, T, V), log posteriors of pictures.
        optical_lengths: (B,), how many of T are there.
        audio: (B, T, V), log posteriors of recordings.
        audio_lengths: (B,).
    """

    loss: Tensor | None = None
    optical: Tensor | None = None
    optical_lengths: Tensor | None = None
    audio: Tensor | None = None
    audio_lengths: Tensor | None = None

    @property
    def of_learner(self) -> tuple[Tensor, Tensor]:
        """Log posteriors and lengths of the network that a training is about: the one that hears, if there is one."""
        found = (self.optical, self.optical_lengths) if self.audio is None else (self.audio, self.audio_lengths)
        return cast(tuple[Tensor, Tensor], found)


class MusicTranscriptionModel(PreTrainedModel):
    """The networks of a configuration. GradSPSA's optical network was trained before and stays as it is."""

    config: MusicTranscriptionConfig
    config_class = MusicTranscriptionConfig
    main_input_name = "image"

    def __init__(self, config: MusicTranscriptionConfig):
        super().__init__(config)
        self.optical = _optical_network(config)
        self.audio = _audio_network(config)
        if self.optical is not None:
            self.optical_head = _head(self.optical, config)
        if self.audio is not None:
            self.audio_head = _head(self.audio, config)
        self.optical_is_fixed = self.optical is not None and isinstance(self.audio, GradSPSANetwork)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Leaves PyTorch's own initial weights; transformers' normal(0, 0.02) lets a small network's signal fade."""

    def train(self, mode: bool = True) -> "MusicTranscriptionModel":
        """As `nn.Module.train`, but a fixed optical network keeps its batch norm's statistics and has no dropout."""
        super().train(mode)
        if self.optical is not None and self.optical_is_fixed:
            self.optical.eval()
        return self

    def sharing_penalty(self, gamma: float = GAMMA, sharing: str = "overlap") -> Tensor:
        """Equation 4's penalty, (), which a trainer adds to GradSPSA's loss; see `sharing`.

        Raises:
            ValueError: the networks are not the paper's optical one and GradSPSA, or as `sharing_penalty` does.
        """
        if not isinstance(self.optical, OpticalNetwork) or not isinstance(self.audio, GradSPSANetwork):
            found = f"{self.config.optical!r} and {self.config.audio!r}"
            raise ValueError(f"optical and audio must be 'paper' and 'grad_spsa' to share parameters, got {found}")
        return sharing_penalty(self.optical, self.audio, gamma, sharing)

    def forward(
        self,
        image: Tensor | None = None,
        image_widths: Tensor | None = None,
        audio: Tensor | None = None,
        audio_widths: Tensor | None = None,
        labels: Tensor | None = None,
        label_lengths: Tensor | None = None,
    ) -> MusicTranscriptionOutput:
        """Log posteriors of all frames, and the loss.

        A fixed optical network has no loss, and while GradSPSA trains its posteriors are not computed.

        Args:
            image: (B, 64, W), ink of staves.
            image_widths: (B,), how many of W each has; all if not given.
            audio: (B, 120, W) for the default network, (B, 256, W) for the others.
            audio_widths: (B,).
            labels: (B, L), classes.
            label_lengths: (B,), how many of L each has; if not given, those before the first negative number.

        Raises:
            ValueError: no input, one that has no network or lacks the other that it needs, or shapes not as above.
        """
        _check_given("image", image, self.optical)
        _check_given("audio", audio, self.audio)
        if image is None and audio is None:
            raise ValueError("image or audio must be given, got neither")
        optical = optical_lengths = heard = audio_lengths = seen = loss = None
        if image is not None:
            # Not by `requires_grad`, which `from_pretrained` sets anew.
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.optical_is_fixed):
                optical, optical_lengths, seen = self._look(image, image_widths)
        if audio is not None:
            heard, audio_lengths = self._listen(audio, audio_widths, seen, optical_lengths)
        if labels is not None:
            found = [(None if self.optical_is_fixed else optical, optical_lengths), (heard, audio_lengths)]
            learning = [(each, lengths) for each, lengths in found if each is not None and lengths is not None]
            loss = ctc_loss(learning, labels, label_lengths)
        return MusicTranscriptionOutput(loss, optical, optical_lengths, heard, audio_lengths)

    def _look(self, image: Tensor, widths: Tensor | None) -> tuple[Tensor | None, Tensor, Tensor | None]:
        """Log posteriors if they are needed, lengths, and what GradSPSA attends to."""
        assert self.optical is not None
        widths = _checked_widths("image", image, widths, self.optical)
        if not isinstance(self.optical, OpticalNetwork):
            return (*self._look_around(image, widths), None)
        seen, lengths = self.optical.see(image, widths)
        if self.optical_is_fixed and self.training:
            return None, lengths, seen
        return _log_posteriors(self.optical_head(self.optical.read(seen, lengths))), lengths, seen

    def _look_around(self, image: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        """Log posteriors and lengths; of several views of the picture, the mean of the posteriors."""
        if self.training or not self.config.shifted_views:
            return self._read(image, widths)
        inside = torch.arange(image.shape[2], device=image.device) < widths[:, None]
        views = (nn.functional.pad(image * inside[:, None], (x, -x, y, -y)) for x, y in _VIEWS)
        posteriors, lengths = zip(*(self._read(view, widths) for view in views), strict=True)
        return torch.stack(posteriors).logsumexp(0) - math.log(len(_VIEWS)), lengths[0]

    def _read(self, image: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        assert isinstance(self.optical, ResidualNetwork)
        features, lengths = self.optical(image, widths)
        return _log_posteriors(self.optical_head(features)), lengths

    def _listen(
        self, audio: Tensor, widths: Tensor | None, seen: Tensor | None, seen_lengths: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Log posteriors and lengths."""
        assert self.audio is not None
        widths = _checked_widths("audio", audio, widths, self.audio)
        if not isinstance(self.audio, GradSPSANetwork):
            features, lengths = self.audio(audio, widths)
        elif self.audio.interaction is not None and (seen is None or len(seen) != len(audio)):
            n_seen = 0 if seen is None else len(seen)
            raise ValueError(f"image must be given for each audio that GradSPSA hears, got {n_seen} for {len(audio)}")
        else:
            features, lengths = self.audio(audio, widths, seen, seen_lengths)
        return _log_posteriors(self.audio_head(features)), lengths


def ctc_loss(
    posteriors: list[tuple[Tensor, Tensor]], labels: Tensor, label_lengths: Tensor | None = None
) -> Tensor | None:
    """CTC's loss, (), summed over networks; None of none. An item with more tokens than frames counts 0.

    Args:
        posteriors: for each network its log posteriors (B, T, V) and lengths (B,).
        labels: (B, L), classes.
        label_lengths: (B,), how many of L each has; if not given, those before the first negative number.

    Raises:
        ValueError: a label is the blank or no class, or there are not as many labels as items.
    """
    if not posteriors:
        return None
    n_items, n_classes = len(posteriors[0][0]), posteriors[0][0].shape[-1]
    if labels.ndim != 2 or len(labels) != n_items:
        raise ValueError(f"labels must be of shape ({n_items}, L), got {tuple(labels.shape)}")
    if label_lengths is None:
        label_lengths = (labels >= 0).cumprod(1).sum(1)
    used = labels[torch.arange(labels.shape[1], device=labels.device) < label_lengths[:, None]]
    if len(used) and (int(used.min()) < 1 or int(used.max()) >= n_classes):
        raise ValueError(f"labels must be from 1 to {n_classes - 1}, got {int(used.min())} to {int(used.max())}")
    losses = [
        nn.functional.ctc_loss(each.transpose(0, 1), labels.clamp(min=0), lengths, label_lengths, zero_infinity=True)
        for each, lengths in posteriors
    ]
    return torch.stack(losses).sum()


def best_paths(log_posteriors: Tensor, lengths: Tensor) -> list[list[int]]:
    """Classes of each item: the most probable of each frame, repeats and blanks left out; of (B, T, V) and (B,)."""
    paths = []
    for classes, length in zip(log_posteriors.argmax(-1).cpu(), lengths.tolist(), strict=True):
        kept = classes[:length].unique_consecutive()
        paths.append(kept[kept > 0].tolist())
    return paths


def _optical_network(config: MusicTranscriptionConfig) -> OpticalNetwork | ResidualNetwork | None:
    if config.optical == "default":
        return residual.optical_network(config)
    return OpticalNetwork(config) if config.optical == "paper" else None


def _audio_network(config: MusicTranscriptionConfig) -> AudioNetwork | GradSPSANetwork | ResidualNetwork | None:
    if config.audio == "default":
        return residual.audio_network(config)
    if config.audio == "baseline":
        return AudioNetwork(config)
    return GradSPSANetwork(config) if config.audio == "grad_spsa" else None


def _head(network: Network, config: MusicTranscriptionConfig) -> nn.Module:
    if isinstance(network, ResidualNetwork):
        return SymbolHead(network.n_features, config.vocabulary)
    return nn.Linear(network.n_features, len(config.vocabulary))


def _log_posteriors(logits: Tensor) -> Tensor:
    """In single precision, also under autocast: probabilities of long paths are small."""
    return logits.float().log_softmax(-1)


def _check_given(name: str, given: Tensor | None, network: Network | None) -> None:
    if given is not None and network is None:
        raise ValueError(f"{name} must be None where the configuration has no network for it, got a tensor")


def _checked_widths(name: str, picture: Tensor, widths: Tensor | None, network: Network) -> Tensor:
    """Widths (B,) of pictures (B, H, W), checked against the network."""
    rows, least = network.rows, network.least_width
    if picture.ndim != 3 or picture.shape[1] != rows or picture.shape[2] < least or not len(picture):
        raise ValueError(f"{name} must be of shape (B, {rows}, W) with W from {least}, got {tuple(picture.shape)}")
    if widths is None:
        return torch.full((len(picture),), picture.shape[2], device=picture.device)
    if widths.shape != picture.shape[:1] or not least <= int(widths.min()) <= int(widths.max()) <= picture.shape[2]:
        allowed = f"of shape ({len(picture)},), from {least} to {picture.shape[2]}"
        raise ValueError(f"{name}_widths must be {allowed}, got {widths.tolist()}")
    return widths
