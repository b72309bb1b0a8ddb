"""Settings and draws of trainings that several processes share, and that are gone on with."""

import multiprocessing

import numpy as np
import pytest
import torch

from scorehub.trainers.draw_order import GOLDEN, LengthOrder, time_fraction
from scorehub.trainers.run_settings import batch_of_process, claim

BELOW_ONE = 7_465_176  # draws, of which the last one's fraction rounds to 1 in single precision


def _claim_all(folder, barrier, faults):
    for number in range(200):
        barrier.wait()
        try:
            claim(folder / str(number), {"seed": 1})
        except Exception as error:
            faults.put(repr(error))


def test_processes_of_a_launch_claim_a_folder_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, faults = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_claim_all, args=(tmp_path, barrier, faults)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert faults.empty()
    assert all([path.name for path in folder.iterdir()] == ["settings.json"] for folder in tmp_path.iterdir())
    with pytest.raises(ValueError, match="output_dir must be new or made with the same settings"):
        claim(tmp_path / "0", {"seed": 2})


@pytest.mark.parametrize(("processes", "expected"), [("1", 6), ("2", 3), ("3", 2)])
def test_processes_share_a_batch(monkeypatch, processes, expected):
    monkeypatch.setenv("WORLD_SIZE", processes)
    assert batch_of_process(6) == expected


def test_a_batch_that_can_not_be_shared_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ValueError, match="batch_size must be a multiple of the 4 processes, got 6"):
        batch_of_process(6)
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="GPUs of a process must be 1"):
        batch_of_process(6)


def test_fractions_of_time_stay_below_one_in_single_precision():
    assert np.float32((BELOW_ONE * GOLDEN + 0.5) % 1) == 1
    assert np.float32(time_fraction(BELOW_ONE, fixed=False)) < 1


def test_lengths_come_together_in_an_order_of_the_epoch():
    lengths = list(range(400))
    orders = [LengthOrder(lengths, 4, seed=0) for _ in range(2)]
    torch.rand(9)  # what others draw changes nothing
    first, again = (list(order) for order in orders)
    assert first == again
    assert sorted(first) == lengths
    for order in orders:
        order.set_epoch(1)
    assert list(orders[0]) == list(orders[1]) != first
    assert max(np.ptp(first[start : start + 4]) for start in range(0, 400, 4)) < 50
