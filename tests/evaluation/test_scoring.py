from packsight.evaluation.scoring import metrics_table


def test_a_line_for_each_camera_fits_80_columns(printed):
    numbers = {"images": 60, "packages": 30, "accuracy": 0.9333, "accuracy_low": 0.7654,
               "accuracy_high": 0.9912, "recall_damaged": 0.9, "recall_intact": 1.0,
               "auroc": None}  # fmt: skip
    table = metrics_table({"all": numbers, "top": numbers}, "tf_efficientnet_lite0, both, fp32")
    lines = printed(table)
    assert max(map(len, lines)) <= 80
    shown = ["60", "30", "0.933", "0.77–0.99", "0.900", "1.000", "–"]
    assert [line.split() for line in lines[-2:]] == [["all", *shown], ["top", *shown]]
