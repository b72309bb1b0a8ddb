"""Which side said what: a transcription of both sides beside each side's own, aligned by edit distance."""

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from .confusion_network import to_text

Range = tuple[int, int]


def partners(tokens: Sequence[int], other: Sequence[int]) -> list[int | None]:
    """For each token the place of what stands in its stead in `other`, equal or not; None where nothing does."""
    found: list[int | None] = [None] * len(tokens)
    for edit in Levenshtein.opcodes(to_text(tuple(tokens)), to_text(tuple(other))):
        if edit.tag in ("equal", "replace"):
            for offset in range(edit.src_end - edit.src_start):
                found[edit.src_start + offset] = edit.dest_start + offset
    return found


def find_disagreements(
    tokens: Sequence[int], optical: Sequence[int], audio: Sequence[int]
) -> list[tuple[Range, Range, Range]]:
    """Stretches in which `tokens` and both sides are not all the same, as ranges of each, in order.

    Between two of them stand tokens that all three have. A range may be empty: nothing stands there.
    """
    places = [*zip(range(len(tokens)), partners(tokens, optical), partners(tokens, audio), strict=True)]
    found = []
    before = (-1, -1, -1)
    for own, seen, heard in [*places, (len(tokens), len(optical), len(audio))]:
        if own < len(tokens) and (seen is None or heard is None or {optical[seen], audio[heard]} != {tokens[own]}):
            continue
        assert seen is not None
        assert heard is not None
        ranges = ((before[0] + 1, own), (before[1] + 1, seen), (before[2] + 1, heard))
        if any(begin < end for begin, end in ranges):
            found.append(ranges)
        before = (own, seen, heard)
    return found
