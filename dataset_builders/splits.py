"""The splits of all datasets: what they are called, here and where they are published, and who is in which."""

import hashlib

SPLITS = ("train", "validation", "test")
PUBLISHED_NAMES = {"train": "train", "valid": "validation", "test": "test"}  # of many datasets -> ours
# Where none are published, the shares of MusicScore's 14k archives: 2.18 GB, 472 MB and 467 MB of jpg.
SPLIT_SHARES = (0.7, 0.15, 0.15)


def split_of(group: str) -> str:
    """The split of a group: its hash decides, so that it never moves when other groups come or go."""
    name = group.encode(errors="surrogatepass")  # a group may be a file's name, which need not be UTF-8
    position = int.from_bytes(hashlib.sha256(name).digest()[:8], "big") / 2**64
    train, validation, _ = SPLIT_SHARES
    if position < train:
        return "train"
    return "validation" if position < train + validation else "test"
