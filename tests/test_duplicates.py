"""Copies of a page are found, different pages are not; ties between works join their groups."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from scorehub.dataset_builders.musicscore import duplicates


def page(seed):
    """Five systems of staves with random marks: pages of one engraver look alike at a glance."""
    random = np.random.default_rng(seed)
    sheet = np.full((840, 594), 255, np.uint8)
    for top in range(80, 760, 140):
        sheet[top : top + 40 : 10, 40:550] = 0
        for x, y in zip(random.integers(50, 540, 60), random.integers(-15, 50, 60), strict=True):
            sheet[top + y : top + y + 8, x : x + 9] = 0
    return sheet


def rescan(sheet, angle=0.2):
    image = Image.fromarray(sheet).rotate(angle, fillcolor=255, resample=Image.Resampling.BICUBIC)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(0.7)).point(lambda value: 255 * (value > 150)))


def distance(first, second):
    return bin(int(first, 16) ^ int(second, 16)).count("1")


def test_a_rescan_is_near_and_another_page_is_far():
    hashes = [duplicates.perceptual_hash(sheet) for sheet in (page(0), rescan(page(0)), page(1))]
    assert distance(hashes[0], hashes[1]) <= duplicates.MAX_DISTANCE < distance(hashes[0], hashes[2])


def test_pairs_are_those_of_a_plain_double_loop(monkeypatch):
    monkeypatch.setattr(duplicates, "_BLOCK", 7)
    random = np.random.default_rng(0)
    hashes = [random.bytes(32).hex() for _ in range(30)]
    for copy, original, bits in [(10, 2, 40), (25, 2, 48), (28, 27, 49)]:
        flipped = np.unpackbits(np.frombuffer(bytes.fromhex(hashes[original]), np.uint8))
        flipped[:bits] ^= 1
        hashes[copy] = np.packbits(flipped).tobytes().hex()
    expected = []
    for later in range(30):
        near = [first for first in range(later) if distance(hashes[first], hashes[later]) <= 48]
        expected += [(near[0], later)] if near else []
    assert duplicates.near_duplicates(hashes) == expected == [(2, 10), (2, 25)]


@pytest.mark.parametrize("hashes", [[], ["0" * 64]])
def test_too_few_pages_have_no_pairs(hashes):
    assert duplicates.near_duplicates(hashes) == []


def test_tied_groups_take_the_first_name_across_chains():
    groups = duplicates.tied_groups(["d", "c", "b", "a"], [("b", "c"), ("c", "d")])
    assert groups == {"a": "a", "b": "b", "c": "b", "d": "b"}
