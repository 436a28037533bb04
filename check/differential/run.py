#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Run the commands of cases.py in all pairings and compare them with stock's.

Started by check/differential.sh, which says what the options are.

A pairing is two letters, client and server: "s" stock's, "o" ours. Each run has a
directory of its own, always with the same content:

    l/  the client's working directory      r/  where the server's sessions are
    t/  configuration, logs, sockets

What is known to differ is in the file "known", a line for each:

    CASE | PAIRINGS | FIELD | REASON | CHANGE

FIELD is status, stdout, stderr, local or remote; CHANGE has the lines that only
stock has behind "-" and those that only the pairing has behind "+". REASON is a
word that the head of the file explains. Lines are compared without their order:
which of two files is complained about first is not what this is about.
"""

import hashlib
import os
import queue
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import cases as case_table  # noqa: E402

PAIRS = ('so', 'os', 'oo')
FLAVOUR = {'s': 'stock', 'o': 'ours'}
# How much slower than usual this machine is, as check.sh has measured it.
SLOWNESS = max(1.0, float(os.environ.get('HPN_SLOWNESS') or 1))
# From this slowness on, the quick part is half as large (check/README.md).
TOO_SLOW = 3
# What was made by the fixture is older than this, what a command made is not.
OLD = 1500000000


class Options:
    ours = stock = work = out = None
    quick = listing = once = show = False
    jobs = 0
    names = ()


def options(argv):
    opt = Options()
    names = []
    it = iter(argv)
    for arg in it:
        if arg == '--quick':
            opt.quick = True
        elif arg == '--show':
            opt.show = True
        elif arg == '--once':
            opt.once = True
        elif arg == '--list':
            opt.listing = True
        elif arg in ('--ours', '--stock', '--work', '--out'):
            setattr(opt, arg[2:], next(it))
        elif arg == '--jobs':
            opt.jobs = int(next(it))
        elif arg.startswith('-'):
            sys.stderr.write('differential: unknown option %s\n' % arg)
            sys.exit(2)
        else:
            names.append(arg)
    opt.names = tuple(names)
    return opt


# ---------------------------------------------------------------------------
# The ground on which all of it happens


def write(path, text, mode=0o644):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    os.chmod(path, mode)


class Ground:
    """Programs, keys and the fixture that each run gets a copy of."""

    def __init__(self, opt):
        self.opt = opt
        self.work = opt.work
        self.prog = {'s': opt.stock, 'o': opt.ours}
        self.user = subprocess.run(['id', '-un'], stdout=subprocess.PIPE,
                                   check=True).stdout.decode().strip()
        self.root = os.getuid() == 0
        keys = os.path.join(self.work, 'k')
        os.mkdir(keys)
        self.keys = keys
        for name in ('host', 'user', 'other'):
            subprocess.run([os.path.join(opt.stock, 'bin/ssh-keygen'), '-q',
                            '-t', 'ed25519', '-N', '', '-C', name, '-f',
                            os.path.join(keys, name)], check=True)
        self.host_key = open(keys + '/host.pub').read().split()[1]
        self.template = os.path.join(self.work, 'template')
        os.mkdir(self.template)
        for side in 'lr':
            top = os.path.join(self.template, side)
            os.mkdir(top)
            case_table.fixture(top, side)
        os.mkdir(os.path.join(self.template, 't'))

    def place(self, number, pair, case):
        """A fresh directory for one run, with everything configured."""
        where = os.path.join(self.work, 'c%d%s' % (number, pair))
        if os.path.exists(where):
            remove(where)
        subprocess.run(['cp', '-a', self.template, where], check=True)
        for side in 'lr':
            for name, mode in case_table.MODES.items():
                os.chmod(os.path.join(where, side, name), mode)
        t = where + '/t'
        client, server = self.prog[pair[0]], self.prog[pair[1]]
        port = 0
        if case.tcp:
            s = socket.socket()
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
            s.close()
        write(t + '/kh', 'h,h1,h2 ssh-ed25519 %s\n' % self.host_key)
        write(t + '/ssh_config', '\n'.join([
            case.client.replace('@D@', where).replace('@K@', self.keys),
            'Host *',
            'User %s' % self.user,
            'IdentityFile %s/user' % self.keys,
            'IdentitiesOnly yes',
            'UserKnownHostsFile %s/kh' % t,
            'GlobalKnownHostsFile none',
            'Host h h1 h2',
        ] + (['HostName 127.0.0.1', 'Port %d' % port, 'HostKeyAlias h',
              'CheckHostIP no'] if case.tcp else
             ['ProxyCommand /bin/sh %s/proxy' % t]) + ['']))
        write(t + '/sshd_config', '\n'.join([
            case.server.replace('@D@', where).replace('@K@', self.keys),
            'HostKey %s/host' % self.keys,
            'AuthorizedKeysFile %s/user.pub' % self.keys,
            'StrictModes no',
            'PidFile none',
            'UsePAM no',
            'SshdSessionPath %s/libexec/sshd-session' % server,
            'SshdAuthPath %s/libexec/sshd-auth' % server,
            'Subsystem sftp %s/libexec/sftp-server' % server,
            'ForceCommand exec /bin/sh %s/session' % t, '']))
        write(t + '/proxy', 'echo $$ >%s/sshd.pid\n'
              'exec %s/sbin/sshd -i -f %s/sshd_config -E %s/sshd.log\n' %
              (t, server, t, t))
        # What a session runs in: the directory r, with the server's programs.
        write(t + '/session', '\n'.join([
            'cd %s/r || exit 99' % where,
            'PATH=%s/bin.server:/usr/bin:/bin' % t,
            'HOME=%s/r' % where,
            'T=%s D=%s' % (t, where),
            'export PATH HOME T D',
            'if [ -n "${SSH_ORIGINAL_COMMAND+set}" ]; then',
            '\tc=$SSH_ORIGINAL_COMMAND; unset SSH_ORIGINAL_COMMAND',
            '\texec /bin/sh -c "$c"',
            'fi',
            'PS1="ready "; export PS1; exec /bin/sh -i', '']))
        for name, prog in (('bin', client), ('bin.server', server)):
            d = os.path.join(t, name)
            os.mkdir(d)
            write(d + '/ssh', '#!/bin/sh\nexec %s/bin/ssh -F %s/ssh_config "$@"\n'
                  % (prog, t), 0o755)
            for p in ('scp', 'sftp'):
                write('%s/%s' % (d, p), '#!/bin/sh\nexec %s/bin/%s -S %s/ssh "$@"\n'
                      % (prog, p, d), 0o755)
            for p in ('ssh-keygen', 'ssh-keyscan', 'ssh-add', 'ssh-agent'):
                os.symlink('%s/bin/%s' % (prog, p), '%s/%s' % (d, p))
            for p in ('sbin/sshd', 'libexec/sftp-server'):
                write('%s/%s' % (d, p.split('/')[1]),
                      '#!/bin/sh\nexec %s/%s "$@"\n' % (prog, p), 0o755)
        return where, port

    def environment(self, where, pair):
        t = where + '/t'
        return {
            'PATH': '%s/bin:/usr/bin:/bin' % t,
            'HOME': where + '/l',
            'LANG': 'C.UTF-8', 'LC_ALL': 'C.UTF-8',
            'TERM': 'xterm', 'TZ': 'UTC', 'USER': self.user,
            'D': where, 'T': t, 'TOOLS': HERE, 'K': self.keys,
            'BARE': self.prog[pair[0]] + '/bin',
            'SERVER': self.prog[pair[1]] + '/libexec/sftp-server',
            'SSHD': self.prog[pair[1]] + '/sbin/sshd',
            'PYTHONDONTWRITEBYTECODE': '1',
        }


def remove(where):
    """rm -rf, of directories without permission as well."""
    if os.path.islink(where) or not os.path.isdir(where):
        os.unlink(where)
        return
    try:
        os.chmod(where, 0o700)
        for e in os.scandir(where):
            if e.is_dir(follow_symlinks=False):
                remove(e.path)
            else:
                os.unlink(e.path)
        os.rmdir(where)
    except OSError:
        pass


# ---------------------------------------------------------------------------
# What is left


def content(path, st, top, partial, rel):
    """What is in a file; of a partial one only that its source begins so."""
    with open(path, 'rb') as f:
        data = f.read()
    if rel in partial:
        with open(os.path.join(top, '..', partial[rel]), 'rb') as f:
            whole = f.read()
        return 'begins so' if whole.startswith(data) else 'damaged'
    return '%d %s' % (st.st_size, hashlib.sha1(data).hexdigest()[:10])


def snapshot(top, case, side):
    lines = []
    partial = {k[2:]: v for k, v in case.partial.items() if k[0] == side}

    def visit(path, rel):
        st = os.lstat(path)
        mode = stat.S_IMODE(st.st_mode)
        when = str(int(st.st_mtime)) if st.st_mtime < OLD else 'now'
        shown = repr(rel)[1:-1]
        if rel in partial:
            when = '-'
        if stat.S_ISLNK(st.st_mode):
            lines.append('link %s -> %s' % (shown, os.readlink(path)))
        elif stat.S_ISREG(st.st_mode):
            if not mode & 0o400 and os.getuid() != 0:
                os.chmod(path, mode | 0o400)
            lines.append('file %04o %s %s %s' % (
                mode, when, content(path, st, top, partial, rel), shown))
        elif stat.S_ISDIR(st.st_mode):
            lines.append('dir  %04o %s %s' % (mode, when, shown))
            if mode & 0o500 != 0o500:
                os.chmod(path, 0o700)
            for name in sorted(os.listdir(path)):
                visit(os.path.join(path, name),
                      name if rel == '.' else rel + '/' + name)
        else:
            lines.append('%04o %s %s' % (stat.S_IFMT(st.st_mode), mode, shown))

    visit(top, '.')
    return lines


# What is compiled in.
BUILT = re.compile(r'/\S*/build/stage/(hpn|stock)-\w+')
VERSION = re.compile(r'OpenSSH_[0-9.]+(p[0-9]+)?( Debian-[^ ,\r\n]+)?'
                     r'( openssh-hpn-[^ ,\r\n]+)?')


def normal(text, ground, where, port, case):
    for path in (ground.opt.ours, ground.opt.stock):
        text = text.replace(path, '$PREFIX')
    text = BUILT.sub('$PREFIX', text)
    text = text.replace(where, '$D').replace(ground.work, '$W')
    text = text.replace(ground.user, '$USER')
    if port:
        text = re.sub(r'\b%d\b' % port, '$PORT', text)
    text = VERSION.sub('OPENSSH', text)
    # Which cipher comes first depends on the processor
    text = text.replace('aes128-gcm-hw@openssh-hpn,', '')
    text = re.sub(r'\bcipher [a-z0-9-]+@openssh\.com,', 'cipher CIPHER,', text)
    # Whether the other side has gone already when goodbye is said.
    text = text.replace('client_loop: send disconnect: Broken pipe\r\n', '')
    # Whether sftp sees first that ssh has ended, or that nothing comes any more.
    text = text.replace('\rConnection closed.  \n', '')
    for pattern, by in case.norm:
        text = re.sub(pattern, by, text, flags=re.M)
    lines = text.split('\n')
    if lines and lines[-1] == '':
        lines.pop()
    else:
        lines[-1] += '(no newline)'
    return lines


# ---------------------------------------------------------------------------
# One run


def preexec():
    os.umask(0o022)
    for s in (signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ):
        signal.signal(s, signal.SIG_DFL)


def run(ground, number, pair, case):
    where, port = ground.place(number, pair, case)
    env = ground.environment(where, pair)
    server = None
    try:
        if case.setup:
            r = subprocess.run(['/bin/sh', '-c', case.setup], cwd=where, env=env,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, preexec_fn=preexec)
            if r.returncode != 0:
                return {'status': ['setup failed: ' +
                                   r.stdout.decode(errors='replace')]}
        if case.tcp:
            server = subprocess.Popen(
                [ground.prog[pair[1]] + '/sbin/sshd', '-D', '-f',
                 where + '/t/sshd_config', '-o', 'ListenAddress=127.0.0.1',
                 '-p', str(port), '-E', where + '/t/sshd.log'], env=env,
                stdin=subprocess.DEVNULL, start_new_session=True)
            for _ in range(600):
                try:
                    socket.create_connection(('127.0.0.1', port), 5).close()
                    break
                except OSError:
                    time.sleep(0.1)
        outs = [open(where + '/t/' + n, 'w+b') for n in ('out', 'err')]
        p = subprocess.Popen(['/bin/sh', '-c', case.cmd], cwd=where + '/l',
                             env=env, stdin=subprocess.PIPE if case.stdin
                             is not None else subprocess.DEVNULL,
                             stdout=outs[0], stderr=outs[1],
                             start_new_session=True, preexec_fn=preexec)
        try:
            p.communicate(case.stdin.encode() if case.stdin is not None
                          else None, timeout=case.limit * SLOWNESS)
            status = str(p.returncode)
        except subprocess.TimeoutExpired:
            status = 'not over'
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except OSError:
            pass
        p.wait()
        result = {'status': [status]}
        for name, f in zip(('stdout', 'stderr'), outs):
            f.seek(0)
            result[name] = normal(
                f.read().decode(errors='backslashreplace'), ground, where,
                port, case)
            f.close()
        for name, side in (('local', 'l'), ('remote', 'r')):
            result[name] = snapshot(where + '/' + side, case, side)
        return result
    finally:
        if server is not None:
            try:
                os.killpg(server.pid, signal.SIGTERM)
            except OSError:
                pass
            server.wait()
        if case.background:
            leftover(where)
        remove(where)


def leftover(where):
    """End what a case left in the background."""
    mark = ('D=' + where).encode()
    for pid in os.listdir('/proc'):
        if not pid.isdigit():
            continue
        try:
            with open('/proc/%s/environ' % pid, 'rb') as f:
                if mark in f.read().split(b'\0'):
                    os.kill(int(pid), signal.SIGKILL)
        except OSError:
            pass


# ---------------------------------------------------------------------------
# Comparing


FIELDS = ('status', 'stdout', 'stderr', 'local', 'remote')


def change(a, b):
    """What only a has and what only b has, in a line; '' if nothing."""
    rest = list(b)
    lines = []
    for line in a:
        if line in rest:
            rest.remove(line)
        else:
            lines.append('-' + line)
    # Of several files, any may be the first to fail
    lines = sorted(lines) + sorted('+' + line for line in rest)
    text = ' // '.join(lines).replace('\r', '\\r').replace('\x1b', '\\e')
    text = ''.join(c if c.isprintable() else '\\x%02x' % ord(c) for c in text)
    if len(text) > 300:
        text = text[:240] + ' ... ' + hashlib.sha1(text.encode()).hexdigest()[:12]
    return text.strip()


def differences(stock, other):
    found = {}
    for f in FIELDS:
        c = change(stock.get(f, []), other.get(f, []))
        if c:
            found[f] = c
    return found


class Known:
    def __init__(self, path):
        self.entries = {}
        self.reasons = set()
        self.wrong = []
        self.head = ''
        if not os.path.exists(path):
            return
        for n, line in enumerate(open(path, encoding='utf-8'), 1):
            line = line.rstrip('\n')
            m = re.match(r'# ([a-z0-9-]+): ', line)
            if m:
                self.reasons.add(m.group(1))
            if line[:1] == '#':
                self.head += line + '\n'
            if not line or line[0] == '#':
                continue
            parts = line.split(' | ', 4)
            if len(parts) != 5 or parts[3] not in self.reasons:
                self.wrong.append('known, line %d: no such line, or no such '
                                  'reason: %s' % (n, line))
                continue
            for pair in parts[1].split(','):
                self.entries[(parts[0], pair, parts[2])] = (parts[4].strip(),
                                                            parts[3])


    def save(self, path, res):
        """What the file would be if all that was found were meant. A reason that
        the same change has elsewhere is taken over; others are "?"."""
        by_text = {v[0]: v[1] for v in self.entries.values()}
        by_place = {(c, f): v[1] for (c, _, f), v in self.entries.items()}
        lines = {}
        for (case, pair, field), (text, reason) in self.entries.items():
            if (case, pair) not in res.found:
                lines.setdefault((case, field, text, reason), []).append(pair)
        for (case, pair), found in res.found.items():
            for field, text in found.items():
                reason = by_text.get(text) or by_place.get((case, field), '?')
                lines.setdefault((case, field, text, reason), []).append(pair)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(self.head + '\n')
            for (case, field, text, reason), pairs in sorted(lines.items()):
                f.write('%s | %s | %s | %s | %s\n' % (
                    case, ','.join(p for p in PAIRS if p in pairs), field,
                    reason, text))


class Result:
    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0
        self.found = {}         # by case and pairing
        self.used = set()
        self.skips = {}
        self.reruns = 0
        self.file = None

    def save(self, lines):
        """At once: a run that is stopped leaves what it has found."""
        self.file.write(''.join(line + '\n' for line in lines))
        self.file.flush()


def judge(ground, number, case, known, res):
    stock = run(ground, number, 'ss', case)
    lines = []
    passed = failed = 0
    used = []
    results = {}
    for pair in case.pairs:
        other = run(ground, number, pair, case)
        for attempt in (1, 2, 3):
            found = differences(stock, other)
            wanted = {f: v[0] for (c, p, f), v in known.entries.items()
                      if c == case.name and p == pair}
            if found == wanted or attempt == 3 or ground.opt.once:
                break
            # Other work on the machine may have come between: both again.
            with res.lock:
                res.reruns += 1
            lines.append('%s %s: again, for %s' % (
                case.name, pair, ', '.join(sorted(
                    f for f in FIELDS if found.get(f) != wanted.get(f)))))
            stock = run(ground, number, 'ss', case)
            other = run(ground, number, pair, case)
        used += [(case.name, pair, f) for f in wanted]
        results[case.name, pair] = found
        if found == wanted:
            passed += 1
            continue
        failed += 1
        lines.append('FAIL %s %s: %s' % (case.name, pair, case.cmd))
        for f in FIELDS:
            if found.get(f) == wanted.get(f):
                continue
            if f in wanted:
                lines.append('  %s: known says: %s' % (f, wanted[f]))
            lines.append('  %s: %s' % (f, found.get(f, 'no difference')))
            if f in found:
                for who, r in (('stock', stock), (pair, other)):
                    lines.append('    %s:' % who)
                    if f in ('local', 'remote'):
                        base = other if r is stock else stock
                        shown = [x for x in r.get(f, [])
                                 if x not in base.get(f, [])]
                    else:
                        shown = r.get(f, [])
                    lines += ['      ' + x for x in shown[:60]]
    if ground.opt.show:
        lines = ['%s: %s' % (case.name, case.cmd)] + [
            '  %s: %s' % (f, x) for f in FIELDS[:3]
            for x in stock.get(f, [])] + lines
    with res.lock:
        res.save(lines)
        res.passed += passed
        res.failed += failed
        res.used.update(used)
        res.found.update(results)
        for line in lines:
            if line.startswith('FAIL'):
                print(line, flush=True)


def main():
    opt = options(sys.argv[1:])
    # With this one all that it started ends, in the namespace that it has.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda n, _: os._exit(128 + n))
    table = case_table.table()
    names = [c.name for c in table]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        sys.stderr.write('differential: named twice: %s\n' % ' '.join(twice))
        return 2
    if opt.listing:
        print('\n'.join('%s%s' % (c.name, ' (quick)' if c.quick else '')
                        for c in table))
        return 0
    chosen = [c for c in table if
              (not opt.quick or
               (c.brief if SLOWNESS >= TOO_SLOW else c.quick)) and
              (not opt.names or any(c.name == n or
                                    (n.endswith('/') and c.name.startswith(n))
                                    for n in opt.names))]
    if not chosen:
        sys.stderr.write('differential: no such case; --list names them\n')
        return 2
    ground = Ground(opt)
    known = Known(os.path.join(HERE, 'known'))
    res = Result()
    res.file = open(os.path.join(opt.out, 'log'), 'w', encoding='utf-8')
    begun = time.time()
    work = queue.Queue()
    for number, case in enumerate(chosen):
        missing = [n for n in case.needs if shutil.which(n) is None]
        if case.user and ground.root:
            missing = ['an ordinary user']
        if missing:
            why = 'needs ' + ', '.join(missing)
            res.skipped += len(case.pairs)
            res.skips[why] = res.skips.get(why, 0) + len(case.pairs)
            continue
        work.put((number, case))

    def worker():
        while True:
            try:
                number, case = work.get_nowait()
            except queue.Empty:
                return
            try:
                judge(ground, number, case, known, res)
            except Exception as e:  # pylint: disable=broad-except
                with res.lock:
                    res.failed += 1
                    line = 'FAIL %s: the check itself: %r' % (case.name, e)
                    res.save([line])
                    print(line, flush=True)

    jobs = opt.jobs or 2 * len(os.sched_getaffinity(0))
    threads = [threading.Thread(target=worker) for _ in range(jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

    for line in known.wrong:
        res.failed += 1
        print('FAIL ' + line)
        res.save(['FAIL ' + line])
    if not opt.quick and not opt.names:
        for name, pair, field in sorted(k for k in known.entries
                                        if k[0] not in names):
            res.failed += 1
            line = 'FAIL known: no such case: %s' % name
            print(line)
            res.save([line])
    if res.failed:
        known.save(os.path.join(opt.out, 'known'), res)
    if res.skips:
        print('skipped:')
        for why, n in sorted(res.skips.items()):
            print('  %d: %s' % (n, why))
        print()
    print('%d cases in %d s; %d differences are known; %d runs were repeated' % (
        len(chosen), time.time() - begun, len(res.used), res.reruns))
    print('%d passed, %d failed, %d skipped' % (res.passed, res.failed,
                                                res.skipped))
    return 1 if res.failed else 0


if __name__ == '__main__':
    sys.exit(main())
