import logging
import time
from itertools import pairwise

import pytest
from service_receivers import Hook, entry, free_port, until

from packsight.ledger.ledger import Ledger
from packsight.receivers.delivery import Delivery
from packsight.receivers.receiver import Receiver, UnreachableError
from packsight.receivers.webhook import Webhook


class Listener(Receiver):
    """A receiver that takes verdicts while it is up; it may take some of a batch only."""

    name = "listener"

    def __init__(self):
        self.heard, self.up, self.at_most, self.attempts = [], True, 1000, []

    def deliver(self, entries):
        self.attempts.append(time.monotonic())
        for number, each in enumerate(entries):
            if not self.up or number >= self.at_most:
                raise UnreachableError("gone fishing")
            self.heard.append(each.id)
            yield each.id


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.sqlite")


def add(ledger, count: int) -> None:
    for _ in range(count):
        ledger.decide(entry(0).verdict, [])


def started(receiver, tmp_path, ledger, first: float = 0.02) -> Delivery:
    ledger.add_receiver(receiver.name)
    delivery = Delivery(receiver, tmp_path / "ledger.sqlite", first)
    delivery.start()
    return delivery


def test_verdicts_are_sent_in_order_and_again_from_the_first_that_was_not_taken(tmp_path, ledger):
    listener = Listener()
    delivery = started(listener, tmp_path, ledger)
    listener.at_most = 3
    add(ledger, 10)
    delivery.tell()
    until(lambda: ledger.pending() == {"listener": 0})
    delivery.end()
    delivery.join(5)
    assert listener.heard == [*range(1, 11)]


def test_a_dead_receiver_is_told_once_and_tried_ever_more_rarely(tmp_path, ledger, caplog):
    caplog.set_level(logging.INFO, "packsight.watch")
    listener = Listener()
    listener.up = False
    delivery = started(listener, tmp_path, ledger)
    add(ledger, 2)
    delivery.tell()
    until(lambda: len(listener.attempts) == 5)
    pauses = [after - before for before, after in pairwise(listener.attempts)]
    assert all(after > 1.3 * before for before, after in pairwise(pauses))
    assert ledger.receivers()[0].error == "gone fishing"
    listener.up = True
    until(lambda: ledger.pending() == {"listener": 0})
    delivery.end()
    delivery.join(5)
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == (
        "listener does not take verdicts (gone fishing); 2 verdicts are kept and sent again until "
        "it does"
    )
    assert told[1].startswith("listener takes verdicts again")
    assert len(told) == 2


def test_after_a_restart_the_rest_is_sent(tmp_path, ledger):
    listener = Listener()
    listener.up = False
    delivery = started(listener, tmp_path, ledger)
    add(ledger, 3)
    delivery.end()  # at once, though nothing was sent
    delivery.join(5)
    assert not delivery.is_alive()
    listener.up = True
    delivery = started(listener, tmp_path, ledger)
    until(lambda: listener.heard == [1, 2, 3])
    delivery.end()
    delivery.join(5)


def test_an_end_sends_what_is_there(tmp_path, ledger):
    listener = Listener()
    delivery = started(listener, tmp_path, ledger)
    add(ledger, 250)
    delivery.end()
    delivery.join(5)
    assert len(listener.heard) == 250


def test_a_server_that_comes_back_has_every_verdict_once(tmp_path, ledger):
    port = free_port()
    hook = Hook(port)
    delivery = started(Webhook(hook.url, "abc"), tmp_path, ledger)
    add(ledger, 5)
    delivery.tell()
    until(lambda: len(hook.heard) == 5)
    hook.close()
    add(ledger, 5)
    delivery.tell()
    until(lambda: ledger.receivers()[0].attempts > 1)
    again = Hook(port)
    until(lambda: len(again.heard) == 5)
    delivery.end()
    delivery.join(5)
    again.close()
    assert [told["id"] for told in hook.heard + again.heard] == [*range(1, 11)]
