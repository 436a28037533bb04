#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Run a command at a terminal of its own and type.

usage: term.py COMMAND [EXPECT SEND] ...

Waits until what has come since the last step has EXPECT, a regular expression, in
it ("": until nothing comes for half a second), and sends SEND, in which \\r, \\x03
and the like mean what they mean in C. Prints all that comes and ends with the
command's exit status, or 125 when something did not come within 60 seconds.
"""

import os
import pty
import re
import select
import signal
import sys
import time


def main():
    command, steps = sys.argv[1], sys.argv[2:]
    pid, fd = pty.fork()
    if pid == 0:
        os.environ['PS1'] = 'local '
        os.execv('/bin/sh', ['sh', '-c', command])
    import fcntl
    import struct
    import termios
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    everything = b''
    seen = b''
    ended = False

    def read(limit):
        nonlocal everything, seen, ended
        if ended or not select.select([fd], [], [], limit)[0]:
            return False
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b''
        if not data:
            ended = True
            return False
        everything += data
        seen += data
        return True

    wrong = ''
    while len(steps) > 1 and not ended:
        expect, send = steps[0], steps[1]
        steps = steps[2:]
        until = time.time() + 60
        if expect:
            while re.search(expect.encode(), seen) is None:
                read(1)
                if ended or time.time() > until:
                    wrong = 'did not come: ' + expect
                    break
        else:
            while read(0.5) and time.time() < until:
                pass
        if wrong:
            break
        seen = b''
        if send and not ended:
            os.write(fd, send.encode().decode('unicode_escape').encode('latin-1'))
    until = time.time() + 60
    while not ended and time.time() < until:
        read(1)
    if not ended:
        wrong = wrong or 'did not end'
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.write(1, everything)
    if wrong:
        sys.stderr.write('term: %s\n' % wrong)
        sys.exit(125)
    code = os.waitstatus_to_exitcode(status)
    sys.exit(code if code >= 0 else 128 - code)


main()
