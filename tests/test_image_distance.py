"""Distances of feature sets are those worked by hand, by scipy's matrix root and by brute force."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter

from scorehub.metrics.image_distance import frechet_distance, frechet_distances, kernel_distance, nearest
from scorehub.metrics.inception import InceptionV3, load_inception
from scorehub.metrics.page_features import SheetMusicFeatures, inception_features, pixels


def test_frechet_distance_of_two_lines_is_that_worked_by_hand():
    # Means 1 and 5; variances of [0, 2] and [2, 8] are 2 and 18: (5 - 1)^2 + (sqrt(18) - sqrt(2))^2 = 16 + 8
    assert frechet_distance(np.array([[0.0], [2.0]]), np.array([[2.0], [8.0]])) == pytest.approx(24)


def test_frechet_distance_is_that_of_the_matrix_root():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 5)), rng.normal(1, 2, (150, 5)) @ rng.normal(size=(5, 5))
    a, b = np.cov(x.T), np.cov(y.T)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance(x, y) == pytest.approx(expected)
    assert frechet_distance(y, x) == pytest.approx(expected)


def test_frechet_distance_of_fewer_pictures_than_features_is_exact():
    # In the plane of the first two axes variances are 1/2 each; the others have none: as in two dimensions.
    points = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * np.sqrt(1.5)
    wide = np.pad(points, ((0, 0), (0, 40)))
    assert frechet_distance(wide, 3 * wide) == pytest.approx(frechet_distance(points, 3 * points))
    assert frechet_distance(points, 3 * points) == pytest.approx(
        2 * (3 * np.sqrt(1.5) / 2 - np.sqrt(1.5) / 2) ** 2 + 2 * 0.5 * 4
    )
    assert frechet_distance(wide, wide) == pytest.approx(0, abs=1e-12)


def test_frechet_distances_are_of_the_first_of_both():
    x, y = np.random.default_rng(0).normal(size=(2, 20, 3))
    found = frechet_distances(x, y, (8, 16, 32))
    assert found == {8: frechet_distance(x[:8], y[:8]), 16: frechet_distance(x[:16], y[:16])}


def test_kernel_distance_is_the_sum_over_pairs():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(0.5, 1, (4, 3))

    def kernel(a, b):
        return (sum(a * b) / 3 + 1) ** 3

    own = [np.mean([kernel(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j]) for s in (x, y)]
    expected = sum(own) - 2 * np.mean([kernel(a, b) for a in x for b in y])
    assert kernel_distance(x, y).value == pytest.approx(expected)


def test_kernel_distance_holds_zero_between_equal_distributions_and_not_between_others():
    rng = np.random.default_rng(0)
    same = kernel_distance(*rng.normal(size=(2, 60, 4)))
    other = kernel_distance(rng.normal(size=(60, 4)), rng.normal(1, 1, (60, 4)))
    assert same.low < 0 < same.high
    assert other.low > 0
    assert other.low < other.value < other.high


def test_the_nearest_row_is_that_of_the_smallest_angle():
    found = nearest(np.array([[2.0, 0.1], [1.0, 1.0]]), np.array([[0.0, 3.0], [1.0, 0.0], [5.0, 5.0]]))
    assert found.index.tolist() == [1, 2]
    assert found.distance == pytest.approx([1 - 2 / np.hypot(2, 0.1), 0], abs=1e-12)


@pytest.mark.parametrize(
    ("reference", "estimated", "message"),
    [
        (np.zeros((1, 2)), np.zeros((4, 2)), "reference features must be finite, .* from 2"),
        (np.zeros((4, 2)), np.zeros((4, 3)), "estimated features must be 2 a row, got 3"),
        (np.zeros((4, 2)), np.full((4, 2), np.nan), "estimated features must be finite"),
    ],
)
def test_features_that_can_not_be_compared_are_refused(reference, estimated, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(reference, estimated)


def striped_pages(count, seed=0):
    """Pages of five-line staves with dots, 256 x 352 px."""
    rng = np.random.default_rng(seed)
    pages = np.full((count, 352, 256), 255.0)
    for page in pages:
        for top in range(20, 320, 48):
            page[top : top + 17 : 4, 8:248] = 90
            for x in rng.integers(20, 240, 12):
                y = top + 2 * rng.integers(-2, 8)
                page[y : y + 4, x : x + 5] = 0
    return pages


def to_images(pages):
    return [Image.fromarray(np.clip(page, 0, 255).astype(np.uint8)) for page in pages]


def test_sheet_music_features_are_farther_the_more_pages_are_blurred_or_noisy():
    features, rng = SheetMusicFeatures(), np.random.default_rng(0)
    real, other = features(to_images(striped_pages(8))), striped_pages(8, 1)
    assert real.shape == (8, 416)
    blurred = [
        kernel_distance(real, features(to_images(gaussian_filter(other, (0, s, s))))).value for s in (0, 0.7, 1.5)
    ]
    noisy = [kernel_distance(real, features(to_images(other + rng.normal(0, s, other.shape)))).value for s in (10, 40)]
    assert blurred == sorted(blurred)
    assert noisy == sorted(noisy)
    assert blurred[0] < 0.1 * blurred[1]


def test_features_of_a_page_do_not_depend_on_its_batch():
    pages = to_images(striped_pages(9))
    features = SheetMusicFeatures()
    assert features(pages)[8] == pytest.approx(features(pages[8:])[0], abs=1e-4)


def test_pixels_are_ink():
    assert pixels([Image.new("L", (256, 352), 0)]) == pytest.approx(np.ones((1, 64 * 88)))


def test_inception_has_the_published_number_of_weights_and_features():
    # torchvision's Inception-v3 has 27,161,264; its auxiliary classifier 3,326,696, its last layer 2,049,000.
    network = InceptionV3().eval()
    assert sum(weights.numel() for weights in network.parameters()) == 27_161_264 - 3_326_696 - 2_049_000
    assert inception_features(to_images(striped_pages(1)), network).shape == (1, 2048)


def test_inception_is_loaded_with_the_last_layer_left_out(tmp_path):
    network = InceptionV3()
    torch.save(network.state_dict() | {"fc.weight": torch.zeros(1008, 2048)}, tmp_path / "weights.pth")
    loaded = load_inception(str(tmp_path / "weights.pth"))
    picture = torch.rand(1, 3, 299, 299) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(loaded(picture), network.eval()(picture))


def test_the_last_block_of_inception_takes_maxima_and_averages_leave_padding_out():
    network = InceptionV3()
    assert [network.get_submodule(f"Mixed_{name}").pool for name in ("5b", "6b", "7b", "7c")] == ["average"] * 3 + [
        "max"
    ]
    block = network.Mixed_5b.eval()
    block.branch_pool = torch.nn.Identity()
    assert block(torch.ones(1, 192, 5, 5))[0, -192:].min() == 1


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit",))


def test_files_that_hold_anything_but_weights_are_refused(tmp_path):
    torch.save({"Conv2d_1a_3x3.conv.weight": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    for name in ("evil.pth", "text.pth", "other.pth"):
        with pytest.raises(ValueError, match=f"weights must be Inception-v3's for FID, got {name}"):
            load_inception(str(tmp_path / name))
    with pytest.raises(ValueError, match="inception must be a file of weights, or owner/name/file"):
        load_inception("nowhere.pth")
