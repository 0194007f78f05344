import pandas as pd

from packsight.explanation import study


def test_measures_fit_80_columns_with_names_and_numbers_whole(capsys, monkeypatch):
    rows = [
        {"measure": measure, "outcome": outcome, "mean": 0.7712, "low": 0.7513, "high": 0.7888,
         "area": area}
        for measure, area in (("package_share", 0.45), ("insertion_auc", None))
        for outcome in ("all", "damaged", "hit", "miss")
    ]  # fmt: skip
    monkeypatch.setattr(study.console, "width", 80)
    study.print_measures(pd.DataFrame(rows))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    [first] = [line.split() for line in lines if line.startswith("package_share")]
    assert [first[0], first[1], first[-1]] == ["package_share", "0.77", "0.45"]
    words = [word for line in lines for word in line.split()]
    assert words.count("0.75–0.79") == 8
    assert "insertion_auc" in words
