"""Work on images that all cores share without waiting for each other."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import cv2
import torch

AHEAD = 4  # chunks for each thread that are begun before their turn
CACHED = 4  # images whose activations a core's own memory holds: more at once take longer each
Item = TypeVar("Item")
Result = TypeVar("Result")


def on_all_cores(
    work: Callable[[Sequence[Item]], Result],
    items: Sequence[Item],
    batch_size: int,
    device: torch.device,
) -> Iterator[Result]:
    """The results of `work` on consecutive chunks of the items, in order.

    A thread takes a chunk from file to score by itself. On a CPU that is a few items, at most a
    core's share of a batch, computed without the others, so that no core waits for another's layer
    to end; on a GPU it is a whole batch, and while one thread waits for it, the others decode. Only
    a few chunks are begun ahead of the one that is due, however many items there are.
    """
    threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    size = batch_size if device.type == "cuda" else min(CACHED, -(-batch_size // threads))
    begun: deque[Future[Result]] = deque()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for start in range(0, len(items), size):
                begun.append(pool.submit(work, items[start : start + size]))
                if len(begun) >= AHEAD * threads:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
    finally:
        cv2.setNumThreads(cv_threads)
        torch.set_num_threads(threads)


@contextmanager
def one_core() -> Iterator[None]:
    """For steps so small that threads wait for each other longer than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
