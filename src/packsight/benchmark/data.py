"""The data pipeline alone: images per second of each of its parts."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import cv2
import numpy as np

from packsight.benchmark.measure import Spread
from packsight.benchmark.work import Work, decode, transforms
from packsight.data.cache import ImageCache
from packsight.data.datamodule import PackageDataset, SeededSampler
from packsight.data.transforms_config import augmentation
from packsight.imaging.window import frame_window


def data_rates(work: Work) -> dict[str, Any]:
    """Decoding, the cache, augmentation, and all of them as the training loader runs them."""
    from torch.utils.data import DataLoader

    table, size = work.table, (work.cfg.image_size, work.cfg.image_size)
    windows = [frame_window((row["height"], row["width"])) for row in table.to_dict("records")]
    paths = [work.data / path for path in table["path"]]
    cache = ImageCache(work.cache, table["sha256"].tolist(), paths, windows, size)
    change = augmentation(transforms(), size)
    dataset = PackageDataset(table, cache, change)
    loader = DataLoader(dataset, work.cfg.batch_size, sampler=SeededSampler(len(dataset), seed=0))
    parts: dict[str, Callable[[], Iterable[Any]]] = {
        "decode alone": lambda: (cv2.imread(file) for file in work.files),
        "decode and resize": lambda: (decode(file, size[0]) for file in work.files),
        "cache": lambda: (np.array(cache[content]) for content in table["sha256"]),
        "cache and augmentation": lambda: (
            change(cache[content], seed) for seed, content in enumerate(table["sha256"])
        ),
        "training loader": lambda: loader,
    }
    rates: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(work.cfg.repetitions):
        for name, part in parts.items():
            started = time.perf_counter()
            for _ in part():
                pass
            rates[name].append(len(table) / (time.perf_counter() - started))
    return {name: Spread.of(values) for name, values in rates.items()}
