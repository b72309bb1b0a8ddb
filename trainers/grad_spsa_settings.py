"""Settings of a training of `grad_spsa`, and the networks that there are."""

from dataclasses import dataclass, field
from typing import Any

# Which networks a training has, and what it takes: optical, audio, rows of the transform.
NETWORKS: dict[str, tuple[str | None, str | None, int]] = {
    "optical": ("default", None, 0),
    "audio": (None, "default", 120),
    "paper_optical": ("paper", None, 0),
    "baseline": (None, "baseline", 256),
    "grad_spsa": ("paper", "grad_spsa", 256),
}
# Staves in a step; of the paper's networks as in its section 4.
BATCHES = {"optical": 8, "audio": 8, "paper_optical": 16, "baseline": 4, "grad_spsa": 2}
ABLATIONS = ("dense", "interaction", "third_block", "sharing")


@dataclass
class GradSPSAConfig:
    """Settings of a training."""

    output_dir: str = field(metadata={"help": "folder for checkpoints and the finished model"})
    network: str = field(default="optical", metadata={"help": f"one of {', '.join(NETWORKS)}"})
    data_dir: str = field(default="", metadata={"help": "incipits or a corpus; the small sample if empty"})
    lists_dir: str = field(default="", metadata={"help": "published lists of the cleansed corpus"})
    fold: int = field(default=0, metadata={"help": "fold that is tested, 0 to 4"})
    fraction: float = field(default=1.0, metadata={"help": "of the training part, such as a scenario's 0.025"})
    held_out: int = field(default=0, metadata={"help": "validation staves that choose the weights; 0: all"})
    pictures: str = field(default="image,distorted", metadata={"help": "some of image, distorted, photo"})
    optical_model: str = field(default="", metadata={"help": "finished optical training, of grad_spsa or a pair"})
    start: str = field(default="", metadata={"help": "finished training of the same network, whose weights are taken"})
    gamma: float = field(default=1e-7, metadata={"help": "of equation 4"})
    sharing: str = field(default="overlap", metadata={"help": "overlap or same_shape"})
    ablate: str = field(default="", metadata={"help": f"what GradSPSA is to lack, of {', '.join(ABLATIONS)}"})
    preset: str = field(default="default", metadata={"help": "default or paper"})
    epochs: int = field(default=20, metadata={"help": "epochs"})
    batch_size: int = field(default=0, metadata={"help": "staves in a step, over all processes; 0: the network's"})
    learning_rate: float = field(default=1e-3, metadata={"help": "of Adam; peak of a cosine, in the paper constant"})
    eval_steps: int = field(default=0, metadata={"help": "from one choice of weights to the next; 0: an epoch"})
    seed: int = field(default=0, metadata={"help": "seeds weights, order and what is engraved"})
    bf16: bool = field(default=False, metadata={"help": "convolutions in bfloat16"})
    width: float = field(default=1.0, metadata={"help": "multiplies channels and units"})
    workers: int = field(default=1, metadata={"help": "processes that make staves"})
    push_to: str = field(default="", metadata={"help": "Hub repository for the finished model"})

    def ablated(self) -> set[str]:
        """What GradSPSA is to lack.

        Raises:
            ValueError: it is nothing that GradSPSA has.
        """
        ablated = set(self.ablate.split(",")) - {""}
        if not ablated <= set(ABLATIONS):
            raise ValueError(f"ablate must be some of {', '.join(ABLATIONS)}, got {self.ablate!r}")
        return ablated


PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "paper": {"epochs": 150, "pictures": "distorted"},
}
