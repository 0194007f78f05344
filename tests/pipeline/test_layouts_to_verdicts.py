"""A plant's own names and table, from raw images to a verdict per package."""

import shutil

import pandas as pd
import pytest
from trained import SMALL

QUICK = [*SMALL, "trainer=cpu"]
WORDS = {"damaged": "NOK", "intact": "OK", "top": "Kamera oben", "side": "Kamera 2"}


def test_a_table_names_the_images_of_training_and_prediction(tmp_path, sample, script, capsys):
    rows = ["Bild;Nummer;Kamera;Urteil"]
    (tmp_path / "bilder").mkdir()
    for number, file in enumerate(sorted((sample.parent / "raw").glob("*/*/*.jpg"))):
        label, camera, name = file.parts[-3:]
        rows.append(f"{number}.jpg;nr {name[9:13]};{WORDS[camera]};{WORDS[label]}")
        shutil.copy(file, tmp_path / "bilder" / f"{number}.jpg")
    (tmp_path / "bilder.csv").write_text("\n".join(rows))
    layout = ["layout=table", "layout.table=bilder.csv", "layout.columns.serial=Nummer",
              "layout.columns.label=Urteil", "layout.cameras.top=[Kamera oben]",
              "layout.cameras.side=[Kamera 2]"]  # fmt: skip
    data = ["data.source=bilder", *layout]
    assert script("train", "-m", *data, "perspective=top,side", *QUICK, cwd=tmp_path) == 0
    told = capsys.readouterr().out
    assert "Kamera 2 → side" in told
    manifest = pd.read_csv(tmp_path / "outputs/data/bilder/manifest.csv", dtype=str)
    assert len(manifest) == 32
    given = ["run=outputs/exp", "source=bilder", "output=results", *layout]
    assert script("predict", *given, cwd=tmp_path) == 0
    verdicts = pd.read_csv(tmp_path / "results" / "verdicts.csv", dtype=str)
    assert sorted(verdicts["serial"]) == sorted(set(manifest["serial"]))
    assert set(verdicts["cameras"]) == {"top+side"}
    # The same data under another layout would hold other images.
    assert script("train", "data.source=bilder", "perspective=top", *QUICK, cwd=tmp_path) == 2
    assert "was prepared with layout" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            ["layout.pattern={label}/{serial}"],
            "layout.pattern is of layout=pattern, and layout=sta",
        ),
        (["layout=pattern", "layout.pattern={label}/{perspective}"], "has no {serial}"),
        (["layout=pattern", "layout.camera=roof"], "layout.camera=roof is not allowed"),
        (["layout=folder"], "layout=folder is unknown; "),
        (["dry_run=true"], "give data.source="),
    ],
)
def test_a_layout_that_cannot_be_meant_is_told(tmp_path, script, capsys, settings, told):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").touch()
    source = [] if settings == ["dry_run=true"] else ["data.source=photos"]
    assert script("prepare", *source, *settings, cwd=tmp_path) == 2
    assert told in " ".join(capsys.readouterr().err.split())
