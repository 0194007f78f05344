"""Names and numbers stay whole and in their columns, in wide terminals and in narrow ones."""

import pytest

from packsight.system.fitted_table import FittedTable

NAMES = ("tf_efficientnet_lite0", "vit_tiny_patch16_224")
LONG = "vit_betwixt_patch16_reg4_gap_256.sbb2_e200_in12k_ft_in1k"
WORDS = ("weights=bundled,", "bf16", "0.123", "12.345", "0.97", "0.83–0.99", "0.57", "0.39–0.73")


def table(*names: str) -> FittedTable:
    made = FittedTable("leaderboard", ("model", "loss", "accuracy", "damaged"), "what it means")
    made.add_heading("side camera")
    for name, loss, accuracy in zip(
        names, ("0.123", "12.345"), ("0.97 [dim]0.83–0.99[/]", "0.57 [dim]0.39–0.73[/]"),
        strict=True,
    ):  # fmt: skip
        made.add_row(f"{name} [dim]weights=bundled, bf16[/]", loss, accuracy, "1.00")
    return made


@pytest.mark.parametrize("names", [NAMES, (LONG, "resnet18")])
@pytest.mark.parametrize("width", range(60, 121, 4))
def test_words_are_whole_and_lines_fit(printed, names, width):
    lines = printed(table(*names), width)
    assert max(map(len, lines)) <= width
    found = [word for line in lines for word in line.split()]
    for word in (*names, *WORDS):
        assert word in found


def test_where_there_is_room_a_row_is_a_line(printed):
    lines = printed(table(*NAMES), 100)
    assert lines[5].split() == [NAMES[0], "weights=bundled,", "bf16", "0.123", "0.97",
                                "0.83–0.99", "1.00"]  # fmt: skip
    assert len(lines) == 8  # with a blank one, title, head, rule, heading and caption


def test_settings_give_way_before_intervals_and_intervals_before_names(printed):
    first, second = printed(table(*NAMES), 70)[5:7]
    assert first.split() == [NAMES[0], "0.123", "0.97", "0.83–0.99", "1.00"]
    assert second.split() == ["weights=bundled,", "bf16"]
    first, second = printed(table(*NAMES), 51)[5:7]
    assert first.split() == [NAMES[0], "0.123", "0.97", "1.00"]
    assert second.split() == ["weights=bundled,", "bf16", "0.83–0.99"]
    first, second = printed(table(*NAMES), 48)[5:7]
    assert first.split() == [NAMES[0], "weights=bundled,", "bf16"]
    assert second.split() == ["0.123", "0.97", "0.83–0.99", "1.00"]


@pytest.mark.parametrize("width", [40, 51, 70, 100])
def test_numbers_stand_below_each_other(printed, width):
    lines = printed(table(*NAMES), width)
    ends = [line.index(loss) + len(loss) for loss in ("0.123", "12.345") for line in lines
            if loss in line]  # fmt: skip
    starts = [line.index(figure) for figure in ("0.97", "0.57") for line in lines if figure in line]
    assert len(set(ends)) == len(set(starts)) == 1


def test_headings_stand_apart(printed):
    made = table(*NAMES)
    made.add_heading("top camera")
    for width in (48, 100):
        lines = [line.strip() for line in printed(made, width)]
        assert lines[lines.index("top camera") - 1] == ""


def test_titles_and_captions_are_text_and_not_markup(printed):
    lines = printed(FittedTable("[red]", ("[bold]", "b"), "[dim]"))
    assert [line.split()[0] for line in lines if "[" in line] == ["[red]", "[bold]", "[dim]"]
