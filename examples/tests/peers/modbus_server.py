#!/usr/bin/env python3
"""pymodbus as the server of `modbus client`: a thousand points of each kind.

Usage: modbus_server.py PORT. Serves on 127.0.0.1 until it is killed. Input register 0, the level, is 424.
"""

import sys

from pymodbus.server import StartTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def main(port):
    """Serves until it is killed."""
    bits = [SimData(0, values=False, count=1000, datatype=DataType.BITS)]
    words = [SimData(0, values=0, count=1000, datatype=DataType.REGISTERS)]
    level = [
        SimData(0, values=424, count=1, datatype=DataType.REGISTERS),
        SimData(1, values=0, count=999, datatype=DataType.REGISTERS),
    ]
    device = SimDevice(0, simdata=(bits, bits, words, level))
    print(f"listening on 127.0.0.1:{port}", flush=True)
    StartTcpServer([device], address=("127.0.0.1", port))


if __name__ == "__main__":
    main(int(sys.argv[1]))
