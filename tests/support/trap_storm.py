"""Sends datagrams as fast as it is told, for as long as it is told: `trap_storm.py PORT RATE SECONDS HEX…`.

A process of its own, so that who receives has its own processor time. The datagrams are sent in turn; at the end it
prints how many there were.
"""

import socket
import sys
import time


def storm(port: int, rate: float, seconds: float, datagrams: list[bytes]) -> int:
    sent, began = 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
        source.connect(("127.0.0.1", port))
        while (passed := time.monotonic() - began) < seconds:
            while sent < passed * rate:
                source.send(datagrams[sent % len(datagrams)])
                sent += 1
            time.sleep(0.001)
    return sent


if __name__ == "__main__":
    port, rate, seconds, *datagrams = sys.argv[1:]
    sent = storm(int(port), float(rate), float(seconds), [bytes.fromhex(one) for one in datagrams])
    sys.stdout.write(f"{sent}\n")
