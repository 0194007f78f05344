"""Progress bars say what is true of the work behind them."""

import pytest
from rich.progress import Progress

from packsight.system.console import Rate


@pytest.mark.parametrize(
    ("done", "seconds", "shown"),
    [([6], 2.0, "3 images/s"), ([32, 32, 6], 0.02, "3,500 images/s"), ([0], 1.0, ""),
     ([1], 7.5, "0.133 images/s")],
)  # fmt: skip
def test_a_rate_is_that_of_all_the_work_however_few_its_steps(done, seconds, shown):
    now = 0.0
    progress = Progress(get_time=lambda: now)
    task = progress.add_task("score", total=sum(done) or 1, unit="images")
    now = seconds
    for count in done:
        progress.advance(task, count)
    assert Rate().render(progress.tasks[0]).plain == shown
