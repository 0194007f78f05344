"""What TensorBoard is shown of a run."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from packsight.training.tensorboard import show_files


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_is_shown_as_its_file_is(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"scores{suffix}"
    cv2.imwrite(str(file), np.full((20, 30, 3), (200, 100, 50), np.uint8))

    show_files(tmp_path, "figures", [file])

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    [shown] = events.Images("figures/scores")
    assert (shown.width, shown.height) == (30, 20)
    encoded = np.frombuffer(shown.encoded_image_string, np.uint8)
    assert np.array_equal(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.imread(str(file)))
