import sys

import pytest
from service_receivers import broker, entry, free_port, subscriber, until

from packsight.errors import UserError
from packsight.receivers.mqtt import Mqtt
from packsight.receivers.receiver import UnreachableError


def test_verdicts_are_published_in_order_and_acknowledged():
    port = free_port()
    with broker(port), subscriber(port, "plant/line7") as heard:
        mqtt = Mqtt(f"mqtt://127.0.0.1:{port}/plant/line7", "abc")
        assert [*mqtt.deliver([entry(id) for id in range(1, 21)])] == [*range(1, 21)]
        until(lambda: len(heard) == 20)
        mqtt.close()
    assert [told["id"] for told in heard] == [*range(1, 21)]
    assert (heard[0]["ledger"], heard[0]["qos"]) == ("abc", 1)


def test_a_broker_that_goes_and_comes_back_gets_the_rest(monkeypatch):
    monkeypatch.setattr("packsight.receivers.mqtt.TIMEOUT_S", 1.0)
    port = free_port()
    mqtt = Mqtt(f"mqtt://127.0.0.1:{port}/line7", "abc")
    with pytest.raises(UnreachableError, match="refused"):
        [*mqtt.deliver([entry(1)])]
    with broker(port):
        assert [*mqtt.deliver([entry(1)])] == [1]
    with pytest.raises(UnreachableError):
        [*mqtt.deliver([entry(2)])]
    with broker(port), subscriber(port, "line7") as heard:
        assert [*mqtt.deliver([entry(2)])] == [2]
        until(lambda: heard)
        mqtt.close()
    assert [told["id"] for told in heard] == [2]


@pytest.mark.parametrize(
    "url", ["broker/line", "mqtt://broker", "mqtt://broker/a/#", "mqtt:///a", "mqtt://b:x/a"]
)
def test_no_broker_with_a_topic_is_a_sentence(url):
    with pytest.raises(UserError, match="is no broker with a topic"):
        Mqtt(url, "abc")


def test_passwords_are_not_told():
    assert Mqtt("mqtts://me:secret@broker/line", "abc").name == "mqtt broker:8883/line"
    with pytest.raises(UserError) as raised:
        Mqtt("mqtts://me:secret@broker", "abc")
    assert "secret" not in str(raised.value)


def test_without_paho_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(UserError, match="pip install paho-mqtt"):
        Mqtt("mqtt://broker/line", "abc")
