#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Press Tab in a real shell and compare what it makes of a line.

usage: complete.py bash|zsh HPN-COMPLETION [BASH-COMPLETION] <CASES

Each line of CASES is what is typed, "=>", and what has to stand there after
one Tab, blanks at the end not counted. BASH-COMPLETION is the main file of that
package ("-": as on a system without it). Prints a line for each case that is
not so, then how many there were; exit status 1 if one was not so, 77 if the
shell is not there.
"""

import os
import pty
import re
import select
import shutil
import signal
import sys
import tempfile
import time

PROMPT = '@@ '


class Shell:
    """A shell at a terminal of its own."""

    def __init__(self, argv, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, env)

    def read(self, until, most=20):
        """What it prints, up to this or until it has said nothing for long."""
        said, end = '', time.time() + most
        while time.time() < end and not re.search(until, said):
            if not select.select([self.fd], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            said += data.decode('utf-8', 'replace')
        return said

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def shown(said):
    """The line as it stands after these bytes, backspaces and all."""
    line = []
    at = 0
    said = re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', said)
    for c in said:
        if c == '\b':
            at = max(0, at - 1)
        elif c == '\r':
            at = 0
        elif c == '\n':
            line, at = [], 0
        elif c >= ' ':
            line[at:at + 1] = [c]
            at += 1
    return ''.join(line)


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in ('bash', 'zsh'):
        sys.exit(__doc__.split('\n')[2])
    kind, ours = sys.argv[1], os.path.abspath(sys.argv[2])
    if shutil.which(kind) is None:
        print(f'{kind} is not installed')
        sys.exit(77)
    with tempfile.TemporaryDirectory() as home:
        env = {'PATH': os.environ['PATH'], 'HOME': home, 'TERM': 'dumb',
               'INPUTRC': '/dev/null', 'HISTFILE': '/dev/null',
               'LC_ALL': 'C'}
        if kind == 'bash':
            system = sys.argv[3] if len(sys.argv) > 3 else '-'
            shell = Shell(['bash', '--norc', '--noprofile', '-i'], env)
            begin = '' if system == '-' else f'. {system}; '
            begin += f". {ours}; bind 'set bell-style none'"
        else:
            # As it is installed: found by its name in a folder of fpath.
            os.mkdir(f'{home}/f')
            shutil.copy(ours, f'{home}/f/_openssh_hpn')
            shell = Shell(['zsh', '-f', '-i'], env)
            begin = ('fpath=(~/f $fpath); autoload -Uz compinit; '
                     'compinit -u -D; unsetopt beep promptsp')
        # Written so that its echo is not taken for the prompt.
        shell.type(f"{begin}; PS1='{PROMPT[0]}''{PROMPT[1:]}'\n")
        if not re.search('(^|\n|\r)' + PROMPT, shell.read('(^|\n|\r)' + PROMPT)):
            sys.exit(f'{kind} does not start')
        cases = wrong = 0
        for case in sys.stdin:
            keys, found, want = case.rstrip('\n').partition('=>')
            if not found:
                continue
            keys, want = keys.strip(), want.strip()
            cases += 1
            shell.type(keys + '\t')
            said = ''
            # Long enough for what is loaded at the first Tab.
            for _ in range(30):
                said += shell.read('(?!)', most=0.1)
                if shown(said).replace(PROMPT, '').strip() == want:
                    break
            is_ = shown(said).replace(PROMPT, '').strip()
            if is_ != want:
                wrong += 1
                print(f'{kind}: {keys} + Tab: {is_!r}, not {want!r}')
            # Ctrl-U, and the line ends where a new prompt begins
            shell.type('\x15\n')
            shell.read('\n.*' + PROMPT, most=5)
        shell.end()
    print(f'{kind}: {cases} lines, {wrong} not as expected')
    sys.exit(wrong > 0 or cases == 0)


main()
