"""A verdict survives JSON."""

import json

from packsight.imaging.window import Window
from packsight.line.verdict import ImageSeen, Verdict


def test_a_verdict_comes_back_from_json():
    scored = ImageSeen(
        "top", "a_top.png", "", 0.25, "auto", Window(1.5, 2, 3, 4, 5), (540, 960), 99.5, 12.0
    )
    lost = ImageSeen("side", "a_side.png", "cannot be decoded")
    verdict = Verdict(
        "a", "inspect", "missing_camera", 0.25, 0.01, "top", (scored, lost), {"decode": 0.01}
    )
    assert Verdict.from_dict(json.loads(json.dumps(verdict.to_dict()))) == verdict
