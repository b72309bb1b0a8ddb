"""What all Spaces do with files: their size, that of pages, and where examples are."""

from pathlib import Path

import numpy as np
import pytest

from scorehub.spaces.uploads import check_size, examples_folder, reduced


def test_files_may_be_as_large_as_is_said_all_together(tmp_path):
    paths = [tmp_path / name for name in ("first", "second")]
    for path in paths:
        path.write_bytes(bytes(2**20))
    check_size("pages", paths, 2 * 2**20)
    paths[1].write_bytes(bytes(2**20 + 1))
    with pytest.raises(ValueError, match=r"^pages must have at most 2 MB, got 2\.1$"):
        check_size("pages", paths, 2 * 2**20)


def test_a_file_that_is_kept_no_longer_is_asked_for(tmp_path):
    with pytest.raises(ValueError, match=r"^recording must have been sent within the last hour, got none$"):
        check_size("recording", [tmp_path / "gone.wav"], 1)


def test_a_page_is_reduced_by_its_long_side_and_never_enlarged():
    page = np.repeat(np.arange(200, dtype=np.uint8)[:, None], 100, axis=1)
    assert reduced(page, 200) is page
    half = reduced(page, 100)
    assert half.shape == (100, 50)
    assert np.abs(half[:, 0] - np.arange(0.5, 200, 2)).max() < 1
    assert reduced(page[:, :1], 100).shape == (100, 1)


def test_each_space_has_one_folder_for_its_examples():
    first, again, other = (Path(examples_folder(name).name) for name in ("one", "one", "two"))
    assert first == again != other
    assert first.is_dir()
