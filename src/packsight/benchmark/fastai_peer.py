"""A peer: fastai's image classifier, where it is installed.

Run as a process: `python -m packsight.benchmark.fastai_peer <images> <backbone> <size> <batch size>
<epochs>`; <images> holds train/<label>/ and val/<label>/.
"""

import sys

import timm
from fastai.vision.all import (
    ImageDataLoaders,
    Learner,
    Resize,
    accuracy,
    aug_transforms,
)


def main(folder: str, backbone: str, size: int, batch_size: int, epochs: int) -> None:
    """Train with fastai's usual augmentation and save the weights."""
    changes = aug_transforms(max_rotate=5, max_zoom=1.1, max_warp=0, max_lighting=0.15)
    loaders = ImageDataLoaders.from_folder(
        folder, train="train", valid="val", bs=batch_size, num_workers=0,
        item_tfms=Resize(size, method="squish"), batch_tfms=changes,
    )  # fmt: skip
    model = timm.create_model(backbone, num_classes=2)
    learner = Learner(loaders, model, metrics=accuracy, path=folder)
    learner.fit(epochs)
    learner.save("fastai")


if __name__ == "__main__":
    images, name, *numbers = sys.argv[1:]
    main(images, name, *map(int, numbers))
