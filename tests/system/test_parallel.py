"""Chunks in order, a few ahead, each thread alone."""

import threading

import cv2
import pytest
import torch

from packsight.system.parallel import AHEAD, CACHED, on_all_cores, one_core

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch) -> int:
    monkeypatch.setattr(torch, "get_num_threads", lambda: request.param)
    return request.param


def test_results_come_in_order_and_hold_every_item_once(threads):
    found = list(on_all_cores(list, range(23), 6, CPU))
    assert [item for chunk in found for item in chunk] == list(range(23))
    # A core's share of a batch, if its memory holds that many images.
    assert max(map(len, found)) == min(6 // threads, CACHED)


def test_a_gpu_gets_whole_batches(threads):
    assert [len(chunk) for chunk in on_all_cores(list, range(20), 8, GPU)] == [8, 8, 4]


def test_few_chunks_are_begun_before_they_are_due(threads):
    begun = []
    results = on_all_cores(lambda chunk: begun.append(chunk), range(1000), threads, CPU)
    for done in range(50):
        next(results)
        assert len(begun) <= done + AHEAD * threads + 1
    assert list(results).count(None) == 950


def test_each_thread_computes_alone_and_the_caller_gets_its_threads_back(threads):
    limits = torch.get_num_threads(), cv2.getNumThreads()
    main = threading.get_ident()
    seen = list(on_all_cores(lambda _: (threading.get_ident(), cv2.getNumThreads()), [1], 1, CPU))
    assert seen[0][0] != main
    assert seen[0][1] == 1
    assert (torch.get_num_threads(), cv2.getNumThreads()) == limits


def test_an_error_reaches_the_caller(threads):
    def broken(chunk: list[int]) -> None:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(on_all_cores(broken, range(100), 4, CPU))


def test_nothing_gives_nothing():
    assert list(on_all_cores(list, [], 4, CPU)) == []


def test_one_core_is_for_a_while(monkeypatch):
    limits = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(torch, "set_num_threads", limits.append)
    with one_core():
        assert limits == [1]
    assert limits == [1, 3]
