from packsight.ledger.ledger import Ledger
from packsight.ledger.ledger_clearing import STEP


def pages(ledger: Ledger, kind: str) -> int:
    return ledger._row(f"PRAGMA {kind}")[0]


def test_pages_go_back_to_the_disk_some_at_a_time_until_few_are_free(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for _ in range(20):
        ledger.add_alarm("dark", "top", 1.0, "x" * 400_000)
    assert not ledger.shrink()
    ledger.forget_alarms(before=1e12)
    free = pages(ledger, "freelist_count")
    assert free > 4 * STEP
    assert ledger.shrink()
    assert pages(ledger, "freelist_count") == free - STEP
    while ledger.shrink():
        pass
    assert pages(ledger, "page_count") < 2 * STEP
