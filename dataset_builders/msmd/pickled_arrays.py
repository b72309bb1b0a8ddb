"""Arrays, dtypes and scalars from what their pickles say, without numpy's own makers, which trust it."""

import math
import re
import sys
from typing import Any

import numpy as np

_DTYPE = re.compile(r"b1|[iuf][248]|[iu]1|[SU][1-9]\d{0,4}|O[48]?")


def from_bytes(data: bytes | memoryview, dtype: np.dtype) -> np.ndarray:
    """The values (N,) that fill `data`.

    Raises:
        ValueError: they are no whole number of values, or text with characters that don't exist.
    """
    values = np.frombuffer(data, dtype)
    if dtype.kind == "U" and np.any(values.view(dtype.str[0] + "u4") > sys.maxunicode):
        raise ValueError("text must hold Unicode characters, got numbers beyond")
    return values


def _bytes(value: Any) -> bytes:
    return value if type(value) is bytes else value.encode("latin-1")


def make_dtype(code: Any, state: tuple[Any, ...]) -> np.dtype:
    """`state` is (version, byte order, subdtype, names, fields, size, alignment, flags)."""
    if type(code) is not str or not _DTYPE.fullmatch(code):
        shown = code[:40] if type(code) is str else type(code).__name__
        raise ValueError(f"pickled arrays must hold numbers, text or plain objects, got dtype {shown!r}")
    order = state[1]
    if type(order) is not str or order not in "<>|=" or any(part is not None for part in state[2:5]):
        raise ValueError("pickled arrays must have a simple dtype, got one with fields")
    return np.dtype(order + code)


def make_array(state: tuple[Any, ...]) -> np.ndarray:
    """`state` is (version, shape, dtype, whether columns come first, data); data must fill the shape."""
    _, shape, dtype, is_fortran, data = state
    if type(shape) is not tuple or len(shape) > 8 or not all(type(n) is int and n >= 0 for n in shape):
        raise TypeError("an array without shape")
    if not isinstance(dtype, np.dtype):
        raise TypeError("an array without dtype")
    flat = _objects(data) if dtype.hasobject else from_bytes(_bytes(data), dtype)
    if math.prod(shape) != flat.size:
        raise ValueError(f"pickled array must have {math.prod(shape)} values, got {flat.size}")
    return flat.reshape(shape, order="F" if is_fortran is True else "C")


def _objects(data: Any) -> np.ndarray:
    """An array (N,) of objects, none of which is such an array: numpy frees them recursively, on the C stack."""
    if type(data) is not list or any(isinstance(item, np.ndarray) and item.dtype.hasobject for item in data):
        raise TypeError("an array of objects without plain objects")
    return np.fromiter(data, object, len(data))


def make_scalar(dtype: Any, data: Any) -> Any:
    """A numpy scalar as the Python number or text."""
    if not isinstance(dtype, np.dtype) or dtype.hasobject or len(_bytes(data)) != dtype.itemsize:
        raise TypeError("a scalar without its bytes")
    return from_bytes(_bytes(data), dtype)[0].item()
