# SPDX-License-Identifier: ISC
"""A program whose input and output are a TCP connection.

usage: plug.py listen|connect ADDRESS PORT BUFFER COMMAND

The shell runs COMMAND. "listen" takes one connection, and says "listening" on
standard error before. "connect" tries for five seconds. BUFFER: bytes that the
kernel may keep in each direction, so that little is under way outside of what
is measured. The connection ends when COMMAND does; then what the other end
still sends is read and dropped.
"""
import socket
import subprocess
import sys
import time


def connected(way, address, port, size):
    if way == "listen":
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        listener.bind((address, port))
        listener.listen(1)
        print("listening", file=sys.stderr, flush=True)
        s = listener.accept()[0]
    else:
        last = time.monotonic() + 5
        while True:
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
            try:
                s.connect((address, port))
                break
            except ConnectionRefusedError:
                s.close()
                if time.monotonic() > last:
                    raise
                time.sleep(0.1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
    return s


if len(sys.argv) != 6 or sys.argv[1] not in ("listen", "connect"):
    sys.exit(__doc__)
way, address, port, size, command = sys.argv[1:]
s = connected(way, address, int(port), int(size))
subprocess.run(["sh", "-c", command], stdin=s, stdout=s, check=False)
try:
    s.shutdown(socket.SHUT_WR)
    while s.recv(65536):
        pass
except OSError:
    pass
