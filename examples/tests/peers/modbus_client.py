#!/usr/bin/env python3
"""pymodbus as the client of `modbus server`: every function, every exception, several connections.

Usage: modbus_client.py HOST PORT. Ends with status 0 if every answer was right, else with a traceback.
"""

import sys
import time

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusIOException


def registers(answer):
    """The registers of an answer that is no exception."""
    assert not answer.isError(), answer
    return answer.registers


def bits(answer, count):
    """The first `count` bits of an answer that is no exception."""
    assert not answer.isError(), answer
    return answer.bits[:count]


def done(answer):
    """A write that was not refused."""
    assert not answer.isError(), answer


def refused(answer, code):
    """An exception with this code."""
    assert answer.isError() and not isinstance(answer, ModbusIOException), answer
    assert answer.exception_code == code, answer


def coils(client):
    """Functions 1, 5 and 15."""
    pattern = [i % 3 == 0 for i in range(900)]
    done(client.write_coils(100, pattern))
    assert bits(client.read_coils(100, count=900), 900) == pattern
    for value in (True, False):
        done(client.write_coil(999, value))
        assert bits(client.read_coils(999, count=1), 1) == [value]
    done(client.write_coils(500, [True] * 9))
    assert bits(client.read_coils(499, count=11), 11) == [pattern[399]] + [True] * 9 + [pattern[409]]


def discrete_inputs(client):
    """Function 2."""
    assert bits(client.read_discrete_inputs(100, count=900), 900) == [i % 3 == 0 for i in range(100, 1000)]


def holding_registers(client):
    """Functions 3, 6 and 16."""
    for first in range(100, 1000, 100):
        done(client.write_registers(first, [first * 65 + i & 0xFFFF for i in range(100)]))
    for first in range(100, 1000, 100):
        expected = [first * 65 + i & 0xFFFF for i in range(100)]
        assert registers(client.read_holding_registers(first, count=100)) == expected
    done(client.write_registers(200, list(range(123))))
    assert registers(client.read_holding_registers(200, count=123)) == list(range(123))
    for value in (0, 1, 0x8000, 0xFFFF):
        done(client.write_register(999, value))
        assert registers(client.read_holding_registers(999, count=1)) == [value]


def input_registers(client):
    """Function 4."""
    assert registers(client.read_input_registers(875, count=125)) == list(range(875, 1000))


def mask(client):
    """Function 22, with the numbers of the specification's example."""
    done(client.write_register(400, 0x12))
    done(client.mask_write_register(address=400, and_mask=0xF2, or_mask=0x25))
    assert registers(client.read_holding_registers(400, count=1)) == [0x17]


def exchange(client):
    """Function 23: the write comes first."""
    done(client.write_registers(300, [1, 2, 3, 4]))
    answer = client.readwrite_registers(read_address=300, read_count=4, write_address=301, values=[20, 30])
    assert registers(answer) == [1, 20, 30, 4]
    largest = client.readwrite_registers(read_address=300, read_count=125, write_address=300, values=[7] * 121)
    assert registers(largest)[:121] == [7] * 121


def identification(client):
    """Function 43, transport 14: all of the device's objects, by stream and one by one."""
    basic = client.read_device_information(read_code=1)
    assert not basic.isError(), basic
    assert (basic.conformity, basic.more_follows, sorted(basic.information)) == (0x82, 0, [0, 1, 2])
    objects, first = {}, 0
    for _ in range(7):
        answer = client.read_device_information(read_code=2, object_id=first)
        assert not answer.isError(), answer
        objects.update(answer.information)
        if not answer.more_follows:
            break
        first = answer.next_object_id
    assert sorted(objects) == list(range(7)), objects
    for number, value in objects.items():
        assert value, number
        answer = client.read_device_information(read_code=4, object_id=number)
        assert answer.information == {number: value}, answer
    refused(client.read_device_information(read_code=4, object_id=7), 2)


def exceptions(client):
    """Addresses beyond the last point."""
    refused(client.read_coils(1000, count=1), 2)
    refused(client.read_discrete_inputs(999, count=2), 2)
    refused(client.read_holding_registers(65535, count=1), 2)
    refused(client.read_input_registers(990, count=11), 2)
    refused(client.write_coil(1000, True), 2)
    refused(client.write_register(1000, 1), 2)
    refused(client.write_coils(999, [True, True]), 2)
    refused(client.write_registers(999, [1, 2]), 2)
    refused(client.mask_write_register(address=1000, and_mask=0, or_mask=0), 2)
    refused(client.readwrite_registers(read_address=0, read_count=1, write_address=1000, values=[1]), 2)
    refused(client.diag_query_data(b"\0\0"), 1)
    refused(client.report_device_id(), 1)


def units(client):
    """Every unit is answered."""
    for unit in (0, 1, 17, 247, 255):
        assert registers(client.read_input_registers(500, count=1, device_id=unit)) == [500]


def plant(client):
    """The tank is alive, and takes commands."""
    level, valve, _, _, steps = registers(client.read_input_registers(0, count=5))
    assert 0 <= level <= 1000 and 0 <= valve <= 1000
    done(client.write_register(1, 1000))
    done(client.write_coil(1, False))
    done(client.write_coil(0, True))
    for _ in range(1000):
        time.sleep(0.01)
        if registers(client.read_input_registers(4, count=1))[0] - steps & 0xFFFF >= 20:
            break
    else:
        raise AssertionError("the plant does not move")
    assert registers(client.read_input_registers(1, count=1))[0] > valve
    done(client.write_coil(1, True))


def main(host, port):
    """Everything, on one connection and on several at once."""
    clients = [ModbusTcpClient(host, port=port, timeout=10) for _ in range(3)]
    for client in clients:
        assert client.connect(), f"no server at {host}:{port}"
    checks = (
        coils, discrete_inputs, holding_registers, input_registers, mask, exchange,
        identification, exceptions, units, plant,
    )  # fmt: skip
    for number, check in enumerate(checks):
        check(clients[number % len(clients)])
        print(f"pymodbus client: {check.__name__}: right")
    for client in clients:
        client.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
