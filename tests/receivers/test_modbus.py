import asyncio
import sys
import threading
from contextlib import contextmanager

import pytest
from service_receivers import entry, free_port

from packsight.errors import UserError
from packsight.receivers.modbus import Modbus, registers
from packsight.receivers.receiver import UnreachableError


@contextmanager
def device(port: int):
    """A device whose unit 1 has 200 holding registers; yields another client of it."""
    from pymodbus.client import ModbusTcpClient
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    registers = SimData(0, values=0, count=200, datatype=DataType.REGISTERS)
    loop, servers = asyncio.new_event_loop(), []

    async def serve() -> None:
        servers.append(ModbusTcpServer(SimDevice(1, [registers]), address=("127.0.0.1", port)))
        await servers[0].serve_forever(background=True)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(serve(), loop).result(5)
    client = ModbusTcpClient("127.0.0.1", port=port)
    client.connect()
    try:
        yield client
    finally:
        client.close()
        asyncio.run_coroutine_threadsafe(servers[0].shutdown(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_the_registers_are_as_documented():
    values = registers(entry(70_000, serial="1234567890123"))
    assert values[:6] == [1, 70_000 - 65_536, 2, 0, 875, 3]
    assert b"".join(value.to_bytes(2) for value in values[6:]) == b"1234567890123".ljust(20, b"\0")
    unknown = registers(entry(1, probability=None, reason="no_score", cameras=""))
    assert unknown[3:6] == [1, 0xFFFF, 0]


def test_a_verdict_is_written_to_the_registers():
    port = free_port()
    with device(port) as plc:
        modbus = Modbus(f"modbus://127.0.0.1:{port}?unit=1&address=100")
        assert [*modbus.deliver([entry(5)])] == [5]
        assert plc.read_holding_registers(100, count=16).registers == registers(entry(5))
        modbus.close()


def test_a_device_that_acknowledges_is_waited_for(monkeypatch):
    monkeypatch.setattr("packsight.receivers.modbus.TAKEN_S", 0.3)
    port = free_port()
    with device(port) as plc:
        modbus = Modbus(f"modbus://127.0.0.1:{port}?acknowledge=50")
        with pytest.raises(UnreachableError, match="verdict 5 was not copied to register 50"):
            [*modbus.deliver([entry(5)])]
        threading.Timer(0.1, plc.write_registers, (50, [0, 5])).start()
        assert [*modbus.deliver([entry(5)])] == [5]
        modbus.close()


def test_nobody_there_and_registers_that_are_not_are_told():
    port = free_port()
    modbus = Modbus(f"modbus://127.0.0.1:{port}?address=190")
    with pytest.raises(UnreachableError, match="does not answer"):
        [*modbus.deliver([entry(1)])]
    with device(port), pytest.raises(UnreachableError, match="the device answers"):
        [*modbus.deliver([entry(1)])]


@pytest.mark.parametrize(
    "url",
    ["plc:502", "modbus://", "modbus://plc?unit=x", "modbus://plc?slave=1", "modbus://p:99999"],
)
def test_no_device_is_a_sentence(url):
    with pytest.raises(UserError, match="is no device; give one such as"):
        Modbus(url)


def test_without_pymodbus_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymodbus.client", None)
    with pytest.raises(UserError, match="pip install pymodbus"):
        Modbus("modbus://plc")
