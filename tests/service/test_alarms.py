import logging

from line_stream import Stream

from packsight.ledger.ledger import Ledger
from packsight.monitoring.drift import Monitor
from packsight.service.alarms import Alarms


def decide(ledger, packages):
    for verdict in packages:
        ledger.decide(verdict, [])


def test_a_camera_that_goes_dark_is_told_and_kept_once(tmp_path, caplog):
    caplog.set_level(logging.INFO, "packsight.watch")
    ledger, stream = Ledger(tmp_path / "ledger.sqlite"), Stream()
    reference = stream.reference(60)
    ledger.add_receiver(Alarms.name)
    decide(ledger, (stream.package() for _ in range(100)))
    dark = ledger.recent(1)[0].id
    decide(ledger, (stream.package(light=0.5) for _ in range(60)))
    alarms = Alarms(Monitor(reference), tmp_path)
    alarms.begin(ledger)
    assert [*alarms.deliver(ledger.after(0, 1000))] == [*range(1, 161)]
    [alarm] = [alarm for alarm in ledger.alarms() if alarm.kind == "dark"]
    assert alarm.camera == "top"
    began = next(entry.id for entry in ledger.since(alarm.since))
    assert abs(began - dark) < 30
    assert caplog.text.count("The image became darker (top), since ") == 1

    # After a restart what was seen is looked at again, and not told again.
    ledger.acknowledge(Alarms.name, 160)
    decide(ledger, (stream.package(light=0.5) for _ in range(20)))
    again = Alarms(Monitor(reference), tmp_path)
    again.begin(ledger)
    [*again.deliver(ledger.after(160, 1000))]
    assert len([alarm for alarm in ledger.alarms() if alarm.kind == "dark"]) == 1
