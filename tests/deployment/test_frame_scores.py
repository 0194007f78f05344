"""Many files to probabilities: in order, in any batch size, with a note for each."""

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from packsight.deployment.frame_scores import score

CPU = torch.device("cpu")


class Brightness:
    """In the place of a model: the probability is the red of an image's first pixel."""

    def look(self, frame: np.ndarray, camera: str) -> tuple[np.ndarray, str]:
        return frame[:1, :1], "frame" if camera == "top" else "auto"

    def compose(self, images: dict[str, np.ndarray]) -> np.ndarray:
        return np.hstack(list(images.values()))

    def probabilities(self, images: list[np.ndarray]) -> np.ndarray:
        return np.array([image[..., 0].mean() / 255 for image in images])


@pytest.fixture
def table(tmp_path) -> pd.DataFrame:
    """Images of rising brightness; the fourth is torn."""
    for number in range(10):
        image = np.full((40, 40, 3), number * 20, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    (tmp_path / "3.png").write_bytes((tmp_path / "3.png").read_bytes()[:60])
    rows = pd.DataFrame(
        {"path": [f"{number}.png" for number in range(10)], "crop": "", "error": ""}
    )
    return rows.set_index(np.arange(10) + 100)


@pytest.mark.parametrize("batch_size", [1, 3, 32])
@pytest.mark.parametrize("threads", [1, 4])
def test_scores_are_in_order_and_torn_files_are_noted(
    tmp_path, table, monkeypatch, batch_size, threads
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    inputs = [{"side": row} for row in table.index[::-1]]
    found = score(Brightness(), tmp_path, table, inputs, batch_size, CPU)
    expected = np.arange(10)[::-1] * 20 / 255
    expected[6] = np.nan
    assert found == pytest.approx(expected, nan_ok=True)
    assert table["error"].ne("").tolist() == [number == 3 for number in range(10)]
    assert "the file is cut" in table.at[103, "error"]
    assert table["crop"].tolist() == ["auto"] * 3 + [""] + ["auto"] * 6


def test_a_pair_with_a_torn_image_is_scored_by_the_other(tmp_path, table):
    inputs = [{"top": 101, "side": 102}, {"top": 103, "side": 104}, {"top": 103}]
    found = score(Brightness(), tmp_path, table, inputs, 2, CPU)
    assert found == pytest.approx([30 / 255, 80 / 255, np.nan], nan_ok=True)
    assert table.loc[[101, 102, 104], "crop"].tolist() == ["frame", "auto", "auto"]


def test_progress_tells_images_per_second(tmp_path, table, capsys):
    score(Brightness(), tmp_path, table, [{"side": 100}], 32, CPU)
    assert "1/1" in capsys.readouterr().out


def test_no_input_has_no_score(tmp_path, table):
    assert len(score(Brightness(), tmp_path, table, [], 32, CPU)) == 0
