"""Inception-v3 as the Fréchet Inception Distance uses it, for weights that are brought along.

    network = load_inception("pt_inception-2015-12-05-6726825d.pth")
    network(pictures)  # (B, 3, 299, 299) from -1 to 1 -> (B, 2048)

Names and shapes of weights are torchvision's. What differs from its Inception-v3 (Szegedy et al. 2015): the weights
are those of the TensorFlow graph of 2015-12-05 with 1,008 classes; averages leave padding out; the last block takes
the maximum, not the average, of its neighbourhoods; there is no auxiliary classifier.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from safetensors.torch import load_file
from torch import Tensor, nn

N_FEATURES = 2048
MAX_BYTES = 2**28  # of a file of weights
_IGNORED = ("fc.", "AuxLogits.")

# Of each convolution: channels in and out, kernel, stride.
Kernel = tuple[int, int]
Convolution = tuple[int, int, Kernel, int]


class _Conv(nn.Module):
    """Convolution, batch norm, ReLU; padding keeps the size unless there is a stride or `valid`."""

    def __init__(self, before: int, after: int, kernel: Kernel, stride: int = 1, valid: bool = False):
        super().__init__()
        padding = (0, 0) if stride > 1 or valid else (kernel[0] // 2, kernel[1] // 2)
        self.conv = nn.Conv2d(before, after, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, after, H', W')."""
        found: Tensor = nn.functional.relu(self.bn(self.conv(picture)))
        return found


class _Mixed(nn.Module):
    """Paths of convolutions side by side, and a pool.

    Args:
        convolutions: name -> what it is.
        paths: names that follow each other; the last can be two, separated by `+`, that stand side by side.
        pool: `average` or `max`, of 3 x 3 and followed by `branch_pool`; or `stride`, a maximum that halves the size.
    """

    def __init__(self, convolutions: Mapping[str, Convolution], paths: tuple[str, ...], pool: str):
        super().__init__()
        self.paths, self.pool = [path.split() for path in paths], pool
        for name, convolution in convolutions.items():
            self.add_module(name, _Conv(*convolution))

    def forward(self, picture: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, after, H', W')."""
        found = []
        for path in self.paths:
            here = picture
            for name in path[:-1]:
                here = self.get_submodule(name)(here)
            found += [self.get_submodule(name)(here) for name in path[-1].split("+")]
        return torch.cat([*found, self._pooled(picture)], 1)

    def _pooled(self, picture: Tensor) -> Tensor:
        if self.pool == "stride":
            return nn.functional.max_pool2d(picture, 3, 2)
        if self.pool == "max":
            pooled = nn.functional.max_pool2d(picture, 3, 1, 1)
        else:
            pooled = nn.functional.avg_pool2d(picture, 3, 1, 1, count_include_pad=False)
        found: Tensor = self.get_submodule("branch_pool")(pooled)
        return found


class InceptionV3(nn.Module):
    """The network up to its last average."""

    def __init__(self) -> None:
        super().__init__()
        three, one = (3, 3), (1, 1)
        self.Conv2d_1a_3x3 = _Conv(3, 32, three, 2)
        self.Conv2d_2a_3x3 = _Conv(32, 32, three, valid=True)
        self.Conv2d_2b_3x3 = _Conv(32, 64, three)
        self.Conv2d_3b_1x1 = _Conv(64, 80, one)
        self.Conv2d_4a_3x3 = _Conv(80, 192, three, valid=True)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _block_a(192, 32), _block_a(256, 64), _block_a(288, 64)
        self.Mixed_6a = _block_b(288)
        self.Mixed_6b, self.Mixed_6c = _block_c(128), _block_c(160)
        self.Mixed_6d, self.Mixed_6e = _block_c(160), _block_c(192)
        self.Mixed_7a = _block_d()
        self.Mixed_7b, self.Mixed_7c = _block_e(1280, "average"), _block_e(2048, "max")

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, 299, 299), from -1 to 1 -> (B, 2048)."""
        found = pictures
        for name, layer in self.named_children():
            found = layer(found)
            if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3"):
                found = nn.functional.max_pool2d(found, 3, 2)
        return found.mean((2, 3))


def _block_a(before: int, pooled: int) -> _Mixed:
    convolutions = {
        "branch1x1": (before, 64, (1, 1), 1),
        "branch5x5_1": (before, 48, (1, 1), 1),
        "branch5x5_2": (48, 64, (5, 5), 1),
        "branch3x3dbl_1": (before, 64, (1, 1), 1),
        "branch3x3dbl_2": (64, 96, (3, 3), 1),
        "branch3x3dbl_3": (96, 96, (3, 3), 1),
        "branch_pool": (before, pooled, (1, 1), 1),
    }
    paths = ("branch1x1", "branch5x5_1 branch5x5_2", "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3")
    return _Mixed(convolutions, paths, "average")


def _block_b(before: int) -> _Mixed:
    convolutions = {
        "branch3x3": (before, 384, (3, 3), 2),
        "branch3x3dbl_1": (before, 64, (1, 1), 1),
        "branch3x3dbl_2": (64, 96, (3, 3), 1),
        "branch3x3dbl_3": (96, 96, (3, 3), 2),
    }
    return _Mixed(convolutions, ("branch3x3", "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3"), "stride")


def _block_c(inner: int) -> _Mixed:
    convolutions = {
        "branch1x1": (768, 192, (1, 1), 1),
        "branch7x7_1": (768, inner, (1, 1), 1),
        "branch7x7_2": (inner, inner, (1, 7), 1),
        "branch7x7_3": (inner, 192, (7, 1), 1),
        "branch7x7dbl_1": (768, inner, (1, 1), 1),
        "branch7x7dbl_2": (inner, inner, (7, 1), 1),
        "branch7x7dbl_3": (inner, inner, (1, 7), 1),
        "branch7x7dbl_4": (inner, inner, (7, 1), 1),
        "branch7x7dbl_5": (inner, 192, (1, 7), 1),
        "branch_pool": (768, 192, (1, 1), 1),
    }
    double = " ".join(f"branch7x7dbl_{number}" for number in range(1, 6))
    return _Mixed(convolutions, ("branch1x1", "branch7x7_1 branch7x7_2 branch7x7_3", double), "average")


def _block_d() -> _Mixed:
    convolutions = {
        "branch3x3_1": (768, 192, (1, 1), 1),
        "branch3x3_2": (192, 320, (3, 3), 2),
        "branch7x7x3_1": (768, 192, (1, 1), 1),
        "branch7x7x3_2": (192, 192, (1, 7), 1),
        "branch7x7x3_3": (192, 192, (7, 1), 1),
        "branch7x7x3_4": (192, 192, (3, 3), 2),
    }
    long = " ".join(f"branch7x7x3_{number}" for number in range(1, 5))
    return _Mixed(convolutions, ("branch3x3_1 branch3x3_2", long), "stride")


def _block_e(before: int, pool: str) -> _Mixed:
    convolutions = {
        "branch1x1": (before, 320, (1, 1), 1),
        "branch3x3_1": (before, 384, (1, 1), 1),
        "branch3x3_2a": (384, 384, (1, 3), 1),
        "branch3x3_2b": (384, 384, (3, 1), 1),
        "branch3x3dbl_1": (before, 448, (1, 1), 1),
        "branch3x3dbl_2": (448, 384, (3, 3), 1),
        "branch3x3dbl_3a": (384, 384, (1, 3), 1),
        "branch3x3dbl_3b": (384, 384, (3, 1), 1),
        "branch_pool": (before, 192, (1, 1), 1),
    }
    paths = (
        "branch1x1",
        "branch3x3_1 branch3x3_2a+branch3x3_2b",
        "branch3x3dbl_1 branch3x3dbl_2 branch3x3dbl_3a+branch3x3dbl_3b",
    )
    return _Mixed(convolutions, paths, pool)


def load_inception(source: str) -> InceptionV3:
    """The network with the weights of a file, .pth or .safetensors; or of one on the Hub, `owner/name/file`.

    Raises:
        ValueError: there is no such file, it is too large, holds more than tensors, or not this network's.
    """
    path = Path(source)
    if not path.is_file():
        path = _download(source)
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"weights must be at most {MAX_BYTES:,} bytes, got {path.stat().st_size:,}")
    network = InceptionV3()
    try:
        found = load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
        weights = {name: value for name, value in found.items() if not name.startswith(_IGNORED)}
        network.load_state_dict(weights)
    except Exception as error:  # unpicklers raise whatever a broken file leads them to
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"weights must be Inception-v3's for FID, got {path.name}: {reason}") from None
    return network.eval()


def _download(source: str) -> Path:
    owner, _, rest = source.partition("/")
    name, _, file = rest.partition("/")
    if not (owner and name and file):
        raise ValueError(f"inception must be a file of weights, or owner/name/file on the Hub, got {source!r}")
    try:
        return Path(hf_hub_download(f"{owner}/{name}", file))
    except OSError as error:
        raise ValueError(f"inception must be a file that can be had, got {source!r}: {error}") from None
