"""Reads the pickles inside object arrays without running anything that they name.

A pickle is a program for a small stack machine. `pickletools` decodes its instructions; the machine here knows only
those that build data: numbers, text, bytes, None, booleans, lists, tuples, sets, dicts, and numpy arrays and scalars,
whose makers are replaced by our own. Any other name or instruction is a ValueError that says which. Dict keys and set
members are plain values: the hash of a tuple of shared tuples would take for ever. What a few instructions could make
large (values that many arrays share) is counted.

Protocols 2 to 5, as numpy writes them under Python 2 and 3 (Python 2's strings are taken as Latin-1).
"""

import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from scorehub.dataset_builders.msmd.pickled_arrays import make_array, make_dtype, make_scalar

MAX_INSTRUCTIONS = 500_000
MAX_COPIED = 2**24  # values and bytes that calls copy, in all

_PLAIN = (str, bytes, int, float, bool, type(None))


class _Mark:
    """The beginning of a list, tuple, set or dict on the stack."""


class _Name:
    """A global that is known here: a name to be called, never a function."""

    def __init__(self, name: str):
        self.name = name


class _Pending:
    """An array or dtype whose state is still to come; other places of the pickle may hold it already."""

    def __init__(self, kind: str, code: str = ""):
        self.kind, self.code = kind, code
        self.value: Any = None

    def build(self, state: Any) -> None:
        """Fills in the value from what `__setstate__` would get."""
        if self.value is not None:
            raise ValueError(f"pickled {self.kind} must have one state, got another")
        self.value = make_dtype(self.code, state) if self.kind == "dtype" else make_array(state)


# Where numpy's versions keep the makers of arrays. In protocol 2, Python 3 writes bytes as _codecs.encode of text and
# b"" as bytes().
_NAMES = {
    "numpy.core.multiarray _reconstruct": "array",
    "numpy._core.multiarray _reconstruct": "array",
    "numpy.core.multiarray scalar": "scalar",
    "numpy._core.multiarray scalar": "scalar",
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",
    "__builtin__ bytes": "bytes",
    "__builtin__ set": "set",
    "builtins set": "set",
}


def loads(data: bytes) -> Any:
    """The value of a pickle.

    Raises:
        ValueError: it holds anything but plain data, or is damaged; the message names the global or instruction.
    """
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count >= MAX_INSTRUCTIONS:
                raise ValueError(f"pickle must have at most {MAX_INSTRUCTIONS} instructions, got more")
            if opcode.name == "STOP":
                return _finished(machine.pop())
            machine.run(opcode.name, argument)
    except (IndexError, KeyError, TypeError, AttributeError, OverflowError, UnicodeDecodeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"pickle must be whole and well formed, got {reason[:100]}") from None
    raise ValueError("pickle must end with STOP, got its end before")


class _Machine:
    """The stack and the memo of one pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.copied = 0

    def count(self, data: Any) -> Any:
        """Passes on what is to be copied; one memoised list could fill a million arrays."""
        self.copied += len(data)
        if self.copied > MAX_COPIED:
            raise ValueError(f"pickle must copy at most {MAX_COPIED} values, got more")
        return data

    def pop(self) -> Any:
        """Takes the top of the stack; what was pending is replaced by what it became."""
        value = self.stack.pop()
        return value.value if isinstance(value, _Pending) and value.value is not None else value

    def pop_marked(self) -> list[Any]:
        """Takes all down to the last mark."""
        values: list[Any] = []
        while not isinstance(value := self.pop(), _Mark):
            values.append(value)
        return values[::-1]

    def run(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            if isinstance(argument, int) and not -(2**63) <= argument < 2**64:
                raise ValueError("pickled integers must fit in 64 bits, got a larger one")
            self.stack.append(argument)
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"pickle must hold plain data only, got instruction {name}")

    def put(self, argument: int) -> None:
        self.memo[argument] = self.stack[-1]

    def tuple_of(self, count: int) -> None:
        self.stack.append(tuple([self.pop() for _ in range(count)][::-1]))

    def append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise TypeError("values for no list")
        target.extend(values)

    def add(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not set:
            raise TypeError("values for no set")
        target.update(map(_plain, values))

    def set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(values) % 2:
            raise TypeError("items for no dict")
        target.update(zip(map(_plain, values[::2]), values[1::2], strict=True))

    def name(self, text: str) -> None:
        if text not in _NAMES:
            name = text[:100].replace(" ", ".")
            raise ValueError(f"pickle must name nothing but numpy's arrays and scalars, got {name!r}")
        self.stack.append(_Name(_NAMES[text]))

    def name_of_two(self) -> None:
        """Looks up a global whose module and name are on the stack."""
        name, module = self.pop(), self.pop()
        if type(name) is not str or type(module) is not str:
            raise TypeError("a global without name")
        self.name(f"{module[:100]} {name[:100]}")

    def call(self) -> None:
        """Does what calling the global below would do."""
        arguments, name = self.pop(), self.stack.pop()
        if not isinstance(name, _Name) or type(arguments) is not tuple:
            raise TypeError("a call of no known global")
        if name.name == "array":
            self.stack.append(_Pending("array"))
        elif name.name == "dtype":
            self.stack.append(_Pending("dtype", arguments[0]))
        elif name.name == "scalar":
            self.stack.append(make_scalar(arguments[0], self.count(arguments[1])))
        elif name.name == "encode" and type(arguments[0]) is str and arguments[1:] == ("latin1",):
            self.stack.append(self.count(arguments[0]).encode("latin-1"))
        elif name.name == "bytes" and arguments == ():
            self.stack.append(b"")
        elif name.name == "set" and type(arguments[0]) is list:
            self.stack.append(set(map(_plain, self.count(arguments[0]))))
        else:
            raise TypeError(f"a call of {name.name}")

    def build(self) -> None:
        """Gives the array or dtype below its state."""
        state, target = self.pop(), self.stack[-1]
        if not isinstance(target, _Pending) or type(state) is not tuple:
            raise TypeError("a state for no array")
        self.count(state[-1] if target.kind == "array" else ())
        target.build(state)


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
    "MARK": _Mark,
}
_LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES"}
_LITERALS |= {"SHORT_BINBYTES", "BINSTRING", "SHORT_BINSTRING"}
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "BINPUT": lambda m, number: m.put(number),
    "LONG_BINPUT": lambda m, number: m.put(number),
    "MEMOIZE": lambda m, _: m.put(len(m.memo)),
    "BINGET": lambda m, number: m.stack.append(m.memo[number]),
    "LONG_BINGET": lambda m, number: m.stack.append(m.memo[number]),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.pop_marked())),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "APPEND": lambda m, _: m.append([m.pop()]),
    "APPENDS": lambda m, _: m.append(m.pop_marked()),
    "ADDITEMS": lambda m, _: m.add(m.pop_marked()),
    "SETITEM": lambda m, _: m.set_items([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m, _: m.set_items(m.pop_marked()),
    "GLOBAL": lambda m, text: m.name(text),
    "STACK_GLOBAL": lambda m, _: m.name_of_two(),
    "REDUCE": lambda m, _: m.call(),
    "BUILD": lambda m, _: m.build(),
}


def _plain(value: Any) -> Any:
    if type(value) not in _PLAIN:
        raise TypeError(f"a {type(value).__name__} as key")
    return value


def _finished(value: Any) -> Any:
    """Raises ValueError if names or unfinished arrays are left in the result."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) in _PLAIN or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, np.ndarray):
            waiting.extend(item.ravel() if item.dtype.hasobject else ())
        elif not isinstance(item, set):
            raise ValueError(f"pickle must be finished, got a {type(item).__name__.strip('_').lower()} in its result")
    return value
