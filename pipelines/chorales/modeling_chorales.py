"""The chorale model: a network, its loss, its likelihood, and what it writes.

Conventions: grids are int64 (B, T, 4), see `grids`.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from .coconet import Coconet
from .configuration_chorales import ChoralesConfig
from .orders import START
from .recurrent import RecurrentChorales
from .relative_transformer import TransformerChorales
from .sampling import Sampling, fill_by_gibbs, write_in_order

_BUILDERS = {
    "bachbot": RecurrentChorales,
    "tonicnet": RecurrentChorales,
    "coconet": Coconet,
    "music_transformer": TransformerChorales,
}


class ChoralesModel(PreTrainedModel):
    """A model of four-part chorales."""

    config_class = ChoralesConfig
    config: ChoralesConfig

    def __init__(self, config: ChoralesConfig) -> None:
        super().__init__(config)
        self.network: Any = _BUILDERS[config.network](config)
        self.post_init()

    @property
    def is_orderless(self) -> bool:
        """Whether any cells can be written from any others."""
        return isinstance(self.network, Coconet)

    def _init_weights(self, module: Any) -> None:
        """PyTorch's own initial weights."""

    def forward(self, grid: Tensor, noise: Tensor | None = None) -> dict[str, Tensor]:
        """The loss of whole grids, `{"loss": ()}`: nats a token, or a hidden cell.

        Args:
            noise: (B, 1 + 4 T) in [0, 1), of an orderless network: how many cells are hidden, and which.
        """
        if not self.is_orderless:
            logits, tokens = self._predict(grid)
            return {"loss": functional.cross_entropy(logits.flatten(0, 1), tokens.flatten())}
        if noise is None:
            raise ValueError("noise must be given to an orderless network, got None")
        errors, hidden = self._errors(grid, noise)
        return {"loss": ((errors * hidden).sum((1, 2)) / hidden.sum((1, 2))).mean()}

    @torch.no_grad()
    def nll(self, grid: Tensor, noise: Tensor | None = None) -> dict[str, Tensor]:
        """Negative log-likelihood in nats of each grid, (B,) each.

        - cell: a voice's sixteenth, with all that the model writes beside the voices (chords, ends) in the sum.
        - token: of each token that it writes, as papers on sequence models report it.

        Of an orderless network the two are an estimate by `noise`, of the mean over all orders.
        """
        if self.is_orderless:
            assert noise is not None
            errors, hidden = self._errors(grid, noise)
            cell = (errors * hidden).sum((1, 2)) / hidden.sum((1, 2))
            return {"cell": cell, "token": cell}
        logits, tokens = self._predict(grid)
        errors = functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none").view(tokens.shape)
        return {"cell": errors.sum(1) / grid[0].numel(), "token": errors.mean(1)}

    def estimate_nll(self, grid: Tensor, orders: int, generator: torch.Generator) -> dict[str, float]:
        """`nll` of one grid (T, 4); of an orderless network the mean over so many orders, drawn by `generator`."""
        count = orders if self.is_orderless else 1
        grid, noise = grid.to(self.device), torch.rand(count, 1 + grid.numel(), generator=generator).to(self.device)
        return {name: float(nats.mean()) for name, nats in self.nll(grid.expand(count, -1, -1), noise).items()}

    @torch.no_grad()
    def write(self, known: Tensor, sampling: Sampling, generator: torch.Generator | None = None) -> Tensor:
        """Grids in which all `UNKNOWN` cells of `known` (B, T, 4) are written, on the model's device.

        Args:
            generator: of the CPU.
        """
        known = known.to(self.device)
        if self.is_orderless:
            return fill_by_gibbs(self.network, known, sampling, generator)
        return write_in_order(self.network, known, sampling, generator)

    def _predict(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.network.order.encode(grid)
        before = torch.cat([torch.full_like(tokens[:, :1], START), tokens[:, :-1]], 1)
        return self.network(before), tokens

    def _errors(self, grid: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Nats of all cells (B, T, 4), and which are hidden: from one to all of them, each number as often."""
        cells = grid[0].numel()
        count = 1 + (noise[:, :1] * cells).long()
        ranks = noise[:, 1:].argsort(1).argsort(1)
        hidden = (ranks < count).view(grid.shape)
        logits = self.network(grid, ~hidden)
        errors = functional.cross_entropy(logits.flatten(0, 2), grid.flatten(), reduction="none").view(grid.shape)
        return errors, hidden
