"""What a precision costs and gains, and when it is refused."""

import pytest
from rich.console import Console

from packsight.errors import UserError
from packsight.export.tried import Tried, check_gain, table_of, take_times
from packsight.line.verdict import Verdict

ACCEPT, REJECT = (("accept", 0.1), ("reject", 0.9))


def tried(name: str, same: int = 20, milliseconds: float = 10.0, line=None) -> Tried:
    verdicts = [Verdict(str(n), *(ACCEPT, REJECT)[n % 2][:1], "score", (0.1, 0.9)[n % 2], None, "")
                for n in range(20)]  # fmt: skip
    return Tried(name, 12.5, line, verdicts, same, {}, milliseconds)


class Clock:
    """Stands for time, and for a line that takes some of it."""

    def __init__(self):
        self.now, self.asked = 0.0, []

    def line(self, name: str, seconds: float):
        clock = self

        class Line:
            def decide(self, serial, images):
                clock.asked.append((name, serial))
                clock.now += seconds

        return Line()


def test_each_package_goes_through_all_files_in_turn(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("time.perf_counter", lambda: clock.now)
    two = [tried("fp32", line=clock.line("fp32", 0.02)), tried("int8", line=clock.line("i", 0.01))]
    take_times(two, [(str(n), {}) for n in range(8)])
    assert [item.milliseconds for item in two] == pytest.approx([20, 10])
    assert [serial for _, serial in clock.asked] == [str(n) for n in range(8) for _ in "ab"]
    assert {clock.asked[0][0], clock.asked[2][0]} == {"fp32", "i"}  # neither is always the first


@pytest.mark.parametrize("milliseconds", [10.0, 12.0])
def test_half_precision_that_gains_nothing_is_refused(milliseconds):
    with pytest.raises(UserError, match=f"fp16 a package takes {milliseconds} ms.*precision=fp32"):
        check_gain(tried("fp32"), tried("fp16", milliseconds=milliseconds))


def test_half_precision_that_is_faster_stands():
    check_gain(tried("fp32"), tried("fp16", milliseconds=9.9))


def test_decisions_that_change_are_refused_with_their_number():
    tried("int8", 19).check_agreement(0.95)
    with pytest.raises(UserError, match=r"int8 decides 18 of 20 .*90\.0%.*agreement=0\.95"):
        tried("int8", 18).check_agreement(0.95)


def test_the_table_tells_what_is_known_of_so_few_packages():
    damaged = {str(n): n % 2 == 1 for n in range(20)}
    console = Console(width=100, record=True)
    console.print(table_of([tried("fp32"), tried("int8", 19, 5.0)], damaged))
    said = console.export_text()
    assert "20 validation packages" in said
    rows = {line.split("  ")[0].strip(): line for line in said.splitlines() if line.strip()}
    assert "86.1%" in rows["of all such, at least"]  # 0.05 ** (1 / 20)
    assert "78.4%" in rows["of all such, at least"]  # Clopper and Pearson of 19 in 20
    assert rows["AUROC"].count("1.0000") == 2
    assert "5.0" in rows["ms a package"]
