#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The far ends of forwards.

usage: net.py serve N COMMAND ...   N servers on free ports that say "hello" and
                                    close; runs COMMAND, in which @1 is the first
                                    one's port and @2 a port that is free
       net.py free COMMAND ...      the same without servers
       net.py fetch PORT|PATH       what is said there, waited for up to 30 s
       net.py socks PROXY PORT      what is said at PORT, through a SOCKS5 proxy
"""

import os
import socket
import subprocess
import sys
import threading
import time


def listener():
    s = socket.socket()
    s.bind(('127.0.0.1', 0))
    return s


def answer(s):
    while True:
        c, _ = s.accept()
        c.sendall(b'hello\n')
        c.close()


def connect(where):
    until = time.time() + 30
    while True:
        try:
            if '/' in where:
                s = socket.socket(socket.AF_UNIX)
                s.connect(where)
            else:
                s = socket.create_connection(('127.0.0.1', int(where)), 10)
            s.settimeout(30)
            return s
        except OSError:
            if time.time() > until:
                print('nobody listens')
                sys.exit(1)
            time.sleep(0.1)


def take(s):
    data = b''
    try:
        while True:
            part = s.recv(4096)
            if not part:
                break
            data += part
    except OSError as e:
        print(type(e).__name__)
    return data


def main():
    what, args = sys.argv[1], sys.argv[2:]
    if what in ('serve', 'free'):
        ports = {}
        for i in range(int(args.pop(0)) if what == 'serve' else 0):
            s = listener()
            s.listen(8)
            threading.Thread(target=answer, args=(s,), daemon=True).start()
            ports['@%d' % (i + 1)] = s.getsockname()[1]
        s = listener()
        ports['@2'] = s.getsockname()[1]
        s.close()
        for k, v in ports.items():
            args = [a.replace(k, str(v)) for a in args]
        sys.stdout.flush()
        os_status = subprocess.call(args)
        os._exit(os_status if os_status >= 0 else 128 - os_status)
    elif what == 'fetch':
        print(take(connect(args[0])))
    elif what == 'socks':
        s = connect(args[0])
        s.sendall(b'\x05\x01\x00')
        print(s.recv(2))
        s.sendall(b'\x05\x01\x00\x01\x7f\x00\x00\x01' +
                  int(args[1]).to_bytes(2, 'big'))
        print(s.recv(4))
        s.recv(6)
        print(take(s))


main()
