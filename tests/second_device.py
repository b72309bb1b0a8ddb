"""A device that is not the CPU, for machines that have no other: what a graphics card would refuse is refused here.

Its tensors compute on the CPU, but say that they lie on `DEVICE`: an operation takes tensors of one device, and what
the CPU's generators draw stays on the CPU. `torch.tensor` and `new_tensor` can't make tensors there.
"""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")  # PyTorch lets only this one be named where it has no driver
aten: Any = torch.ops.aten
MOVES = (aten._to_copy.default, aten.copy_.default)


class There(torch.Tensor):
    """A tensor on the second device, whose values are those of `here`."""

    @staticmethod
    def __new__(cls, here):
        place = {"strides": here.stride(), "storage_offset": here.storage_offset()}
        made = torch.Tensor._make_wrapper_subclass(cls, here.size(), dtype=here.dtype, device=DEVICE, **place)
        made.here = here
        return made

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise AssertionError(f"{function} must be within SecondDevice()")


class SecondDevice(TorchDispatchMode):
    """In its block modules and tensors can be moved to `DEVICE`."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        there = [tensor for tensor in tensors if isinstance(tensor, There)]
        # A number may come from the CPU, as on a graphics card.
        if (
            function not in MOVES
            and there
            and any(not isinstance(tensor, There) and tensor.dim() for tensor in tensors)
        ):
            raise RuntimeError(f"tensors of {function} must be on one device")
        goes_there = isinstance(args[0], There) if function is aten.copy_.default else bool(there)
        if kwargs.get("device") is not None:
            goes_there = torch.device(kwargs["device"]) == DEVICE
            kwargs["device"] = torch.device("cpu")
        if goes_there and kwargs.get("generator") is not None:
            raise RuntimeError(f"generator of {function} must be on the device of its tensors")
        args, kwargs = tree_map(lambda leaf: leaf.here if isinstance(leaf, There) else leaf, (args, kwargs))
        found = function(*args, **kwargs)
        known = {id(tensor.here): tensor for tensor in there}  # what is changed in its place stays itself
        return tree_map(lambda leaf: _there(leaf, known), found) if goes_there else found


def _there(value, known):
    if not isinstance(value, torch.Tensor):
        return value
    return known[id(value)] if id(value) in known else There(value)
