"""Damaged files, made from valid ones under a seed, from outside and from inside.

From inside: a container is taken apart, one of its parts is damaged, and it is put
together again with right lengths and checksums, so that the damage gets past them.
"""

import random
import re
from collections.abc import Callable

from reliability_containers import Container

MAX_BYTES = 2**20  # of a damaged file
EXTREMES = (0, 1, -1, 127, -128, 255, 2**15, 2**16 - 1, 2**31 - 1, -(2**31), 2**32 - 1, 2**62, 2**63 - 1, -(2**63))
NUMBERS = (b"0", b"-1", b"1e999", b"nan", b"4294967296", b"-9223372036854775809", b"0.00000001", b"9" * 400)
STRANGE = (b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x80\xae")
STRANGE += (
    b"\r",
    b"\x1a",
    "\u0661\u00b2\U0001d7d8".encode(),
    b"../../escaped",
    b"<!ENTITY a 'b'>",
    b"%s%n",
    b"\x1b[2J",
)
OPENINGS = (b"(", b"[", b"{", b"<a>", b"{{", b'{"a":', b"[[", b"<<", b"'", b"-", b" ", b"\n", b"\t")


def damage(rng: random.Random, data: bytes, container: Container | None = None, most: int = MAX_BYTES) -> bytes:
    """The data after one to three changes, of `most` bytes; with a container every other time in one of its parts."""
    if container and rng.random() < 0.5:
        parts = container.unpack(data)
        number = rng.randrange(len(parts))
        parts[number] = parts[number][0], damage(rng, parts[number][1], most=most)
        return container.pack(parts)
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = rng.choice(CHANGES)(rng, data)[:most]
    return data


def _span(rng: random.Random, data: bytes) -> tuple[int, int]:
    """Where a piece of the data begins and ends, mostly a short one."""
    begin = rng.randrange(len(data) + 1)
    return begin, min(len(data), begin + rng.randrange(1, rng.choice((3, 30, 3000))))


def _flip_bits(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 64)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _delete(rng: random.Random, data: bytes) -> bytes:
    begin, end = _span(rng, data)
    return data[:begin] + data[end:]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    begin, end = _span(rng, data)
    return data[:begin] + data[begin:end] * rng.choice((2, 10, 1000)) + data[end:]


def _move(rng: random.Random, data: bytes) -> bytes:
    begin, end = _span(rng, data)
    rest = data[:begin] + data[end:]
    place = rng.randrange(len(rest) + 1)
    return rest[:place] + data[begin:end] + rest[place:]


def _blank(rng: random.Random, data: bytes) -> bytes:
    begin, end = _span(rng, data)
    return data[:begin] + rng.choice((b"\0", b"\xff", b" ")) * (end - begin) + data[end:]


def _write_extreme(rng: random.Random, data: bytes) -> bytes:
    """A binary number, often where headers are, becomes one that few programs expect."""
    size = rng.choice((1, 2, 4, 8))
    place = rng.randrange(min(len(data), rng.choice((64, 1024, MAX_BYTES))) + 1)
    value = rng.choice(EXTREMES) % 256**size
    return data[:place] + value.to_bytes(size, rng.choice(("little", "big"))) + data[place + size :]


def _write_number(rng: random.Random, data: bytes) -> bytes:
    """The same of a number in digits."""
    found = list(re.finditer(rb"-?\d+(?:\.\d+)?", data[:MAX_BYTES]))
    if not found:
        return _write_extreme(rng, data)
    chosen = rng.choice(found)
    return data[: chosen.start()] + rng.choice(NUMBERS) + data[chosen.end() :]


def _insert_strange(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(STRANGE) * rng.choice((1, 1, 100)) + data[place:]


def _nest(rng: random.Random, data: bytes) -> bytes:
    place = rng.choice((0, rng.randrange(len(data) + 1)))
    return data[:place] + rng.choice(OPENINGS) * rng.choice((30, 1000, 100_000)) + data[place:]


def _encode(rng: random.Random, data: bytes) -> bytes:
    """The text in another encoding than the one that is expected."""
    return data.decode("latin-1").encode(rng.choice(("utf-16", "utf-32-be", "utf-8-sig", "utf-7")))


def _exchange_words(rng: random.Random, data: bytes) -> bytes:
    """Words change places, or one takes another's: what is well formed by the letter, and makes no sense."""
    words = re.split(rb"(\s+|[<>\"/,:=])", data[:MAX_BYTES])
    for _ in range(rng.choice((1, 3, 20))):
        first, second = rng.randrange(len(words)), rng.randrange(len(words))
        words[first], words[second] = words[second], rng.choice((words[first], words[second]))
    return b"".join(words)


def _exchange_lines(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    if len(lines) < 3:
        return _exchange_words(rng, data)
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[first], lines[second] = lines[second], rng.choice((lines[first], b"", lines[second]))
    return b"\n".join(lines)


CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_flip_bits, _truncate, _delete, _repeat, _move, _blank, _write_extreme, _write_extreme, _write_number),
    *(_write_number, _insert_strange, _nest, _encode, _exchange_words, _exchange_words, _exchange_lines),
)
