"""The floor: the same training as a plain loop, with nothing around it but what it needs.

Run as a process of its own: `python -m packsight.benchmark.floor <settings.json>`. Its images are
changed as packsight's are, by OpenCV alone.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import timm
import torch
from torch.nn import functional as F

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main(settings: dict[str, Any]) -> None:
    """Train on `images` (an .npy of uint8 [N, H, W, 3], or a list of files to decode first)."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    images = (
        np.stack([decoded(file, settings["size"]) for file in settings["files"]])
        if settings["decode"]
        else np.load(settings["array"], mmap_mode="r")
    )
    labels = torch.tensor(settings["labels"])
    train, val = np.array(settings["train"]), np.array(settings["val"])
    layout = torch.channels_last if settings["channels_last"] else torch.contiguous_format
    model = timm.create_model(settings["backbone"], num_classes=2).to(memory_format=layout)
    mean, std = (torch.tensor(value).view(1, 3, 1, 1) * 255 for value in (MEAN, STD))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
    size, steps = settings["batch_size"], []

    def batch(arrays: list[np.ndarray]) -> torch.Tensor:
        # [B, H, W, 3] seen as [B, 3, H, W] is channels_last already.
        images = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)
        return ((images - mean) / std).contiguous(memory_format=layout)

    for epoch in range(settings["epochs"]):
        model.train()
        order = rng.permutation(train)
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            if len(rows) == 1:
                continue  # gives batch normalisation nothing to average
            began = time.time()
            changed = [augmented(images[row], rng) for row in rows]
            loss = F.cross_entropy(model(batch(changed)), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps.append((epoch, len(rows), began, time.time()))
        model.eval()
        with torch.inference_mode():
            right = 0
            for start in range(0, len(val), 2 * size):
                rows = val[start : start + 2 * size]
                logits = model(batch([images[row] for row in rows]))
                right += int((logits.argmax(1) == labels[rows]).sum())
        print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {right / len(val):.3f}")
    torch.save(model.state_dict(), settings["checkpoint"])
    Path(settings["steps"]).write_text(json.dumps(steps), encoding="utf-8")


def augmented(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What transforms=standard does to a side image, uint8 [H, W, 3]."""
    height, width = image.shape[:2]
    if rng.random() < 0.5:
        image = cv2.flip(image, 1)
    centre = width / 2 - 0.5, height / 2 - 0.5
    matrix = cv2.getRotationMatrix2D(centre, rng.uniform(-5, 5), 1.0)
    linear = matrix[:, :2] * rng.uniform(0.9, 1.1, 2)
    shift = rng.uniform(-0.05, 0.05, 2) * (width, height)
    matrix = np.column_stack([linear, centre - linear @ np.array(centre) + shift])
    image = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    contrast, brightness = rng.uniform(0.85, 1.15), rng.uniform(-0.15, 0.15) * 255
    levels = np.arange(256, dtype=np.float32) * contrast + brightness
    return cv2.LUT(image, levels.clip(0, 255).astype(np.uint8))


def decoded(file: str, size: int) -> np.ndarray:
    """An image file as RGB uint8 [size, size, 3]."""
    image = cv2.imread(file, cv2.IMREAD_COLOR_RGB)
    assert image is not None
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
