# SPDX-License-Identifier: ISC
"""The commands that are run with stock's and with our programs, and on what.

Each is a line of shell, run in l/ (see run.py). What it can use beside ssh, scp and
sftp of the pairing's client:

    h h1 h2     hosts, all of them the pairing's server, whose sessions begin in r/
    $T $D       the run's configuration, and all of the run
    $SERVER     the server's sftp-server         $SSHD  the server's sshd
    $BARE       the folder of the client's programs, without a configuration
    $TOOLS      term.py, net.py and cut.sh
"""

import itertools
import os
import random
import re
import shlex

ALL = ('so', 'os', 'oo')
CLIENT = ('oo',)        # where no server has a part


class Case:
    def __init__(self, name, cmd, setup='', stdin=None, server='', client='',
                 tcp=False, pairs=ALL, quick=None, partial=None, norm=(),
                 needs=(), user=False, background=False, limit=100):
        self.name = name
        self.cmd = cmd
        self.setup = setup          # shell, run in $D before
        self.stdin = stdin          # None: /dev/null
        self.server = server        # lines before those of sshd_config
        self.client = client        # the same for ssh_config
        self.tcp = tcp              # over TCP instead of sshd -i
        self.pairs = pairs
        self.quick = quick
        self.partial = partial or {}    # 'l/copy': 'r/source': a part is enough
        self.norm = norm            # (pattern, replacement) for the outputs
        self.needs = needs          # programs
        self.user = user            # means nothing as root
        self.limit = limit          # seconds, of which none hangs but stock
        self.background = background    # leaves processes behind


# ---------------------------------------------------------------------------
# The files at both ends

STAMP = 1000000000


def fixture(top, side):
    """Fill a directory. Both sides have the same names, but other content."""
    rnd = random.Random('fixture ' + side)

    def data(n):
        return bytes(rnd.getrandbits(8) for _ in range(n))

    def at(name):
        return os.path.join(top, name)

    def put(name, body, mode=0o644):
        with open(at(name), 'wb') as f:
            f.write(body)
        os.chmod(at(name), mode)

    put('f', data(100))
    put('g', b''.join(b'%s line %d\n' % (side.encode(), i) for i in range(20)),
        0o600)
    put('x', b'#!/bin/sh\necho run\n', 0o755)
    put('e', b'')
    put('big', rnd.randbytes(300000))
    put('tgtf', data(500))
    put('un', data(30))
    put('wr', data(30))
    put('ronly', data(30), 0o444)
    put('suid', data(30), 0o4755)
    put('.hid', data(30))
    for name in NAMES:
        put(name, data(40))
    for i in range(1, 6):
        put('m%d' % i, data(10 * i))
    os.mkdir(at('tgt'))
    for d in ('d', 'd/sub', 'd/sub/deep', 'd/empty', 'ld', 'rod', 'nod', 'dp',
              'dp/q', 'bad'):
        os.mkdir(at(d))
    put('d/one', data(111))
    put('d/two', data(222), 0o600)
    put('d/.h', data(33))
    put('d/sub/three', data(333))
    put('d/sub/deep/four', data(444), 0o755)
    os.symlink('one', at('d/ln'))
    put('ld/one', data(12))
    os.symlink('.', at('ld/self'))
    put('rod/in', data(20))
    put('nod/in', data(20))
    put('dp/q/r', data(20), 0o640)
    put('bad/ok1', data(20))
    put('bad/un', data(20))
    put('bad/zz', data(20))
    os.symlink('nope', at('bad/dang'))
    os.mkfifo(at('bad/p'))
    os.symlink('f', at('ln'))
    os.symlink('d', at('lnd'))
    os.symlink('nope', at('dang'))
    os.symlink('loop', at('loop'))
    os.mkfifo(at('p'))
    n = 0
    for where, dirs, files in os.walk(top, topdown=False):
        for name in files + dirs:
            n += 1
            path = os.path.join(where, name)
            os.utime(path, (STAMP + n, STAMP + n), follow_symlinks=False)
    os.utime(top, (STAMP, STAMP))


# Given to the copy of the fixture: closed as it is it could not be copied.
MODES = {'un': 0, 'wr': 0o200, 'bad/un': 0, 'rod': 0o555, 'nod': 0,
         'dp/q': 0o2750, 'dp': 0o700}


NAMES = ['a b', 'n\nl', '\u00fcber', '-dash', 'st*r', 'q\'u"o', 'b\\s', '[z]',
         'do$lar', 'semi;colon', 'co:lon', '\t tab', '\x01ctl', 'per%cent',
         'back`tick', '~til', '#hash', '{br}', 'bad\u202eutf']
LONG = 'n' * 255


def slug(s):
    s = ''.join(c if c.isalnum() or c in '._+=,@%~-' else '_' for c in s)
    return s.strip('_') or '_'


# ---------------------------------------------------------------------------

cases = []


def add(name, cmd, **kw):
    cases.append(Case(name, cmd, **kw))


def q(s):
    return shlex.quote(s)


def remote_glob(s):
    """What scp and sftp take for the name itself."""
    return ''.join('\\' + c if c in '*?[]\\{}' else c for c in s)


# What every command of OpenSSH says about itself.

def about():
    for prog in ('ssh', 'scp', 'sftp', 'ssh-keygen', 'ssh-keyscan', 'ssh-add',
                 'ssh-agent'):
        for arg in ('--nope', '-?', '-j', ''):
            if arg == '' and prog in ('ssh-keygen', 'ssh-add', 'ssh-agent'):
                continue
            add('usage/%s%s' % (prog, slug(arg) if arg else ''),
                '%s %s' % (prog, arg), pairs=CLIENT)
    for prog in ('$SSHD', '$SERVER'):
        for arg in ('--nope', '-?', '-j'):
            add('usage/%s%s' % (prog[1:].lower(), slug(arg)),
                '%s %s' % (prog, arg), pairs=('so',))
    add('usage/ssh-V', 'ssh -V', pairs=CLIENT)
    add('usage/sshd-V', '$SSHD -V', pairs=('so',))
    for what in ('cipher', 'cipher-auth', 'compression', 'kex', 'key', 'mac',
                 'key-cert', 'key-plain', 'key-sig', 'protocol-version', 'sig',
                 'Ciphers', 'MACs', 'help', 'nope'):
        add('query/ssh-%s' % what, 'ssh -Q %s' % what, pairs=CLIENT)
    add('query/sftp-server-requests', '$SERVER -Q requests', pairs=('so',))
    add('query/sftp-server-nope', '$SERVER -Q nope', pairs=('so',))
    for name, args in (
            ('plain', 'h'), ('user', '-l me h'), ('port', '-p 99 h'),
            ('many', '-C -A -X -o ServerAliveInterval=3 -L 1:h:2 -D 3 h'),
            ('ciphers', '-o Ciphers=+3des-cbc -o MACs=-umac* h'),
            ('at', 'someone@h'), ('uri', 'ssh://you@h:88')):
        add('config/G-%s' % name, 'ssh -G ' + args, pairs=CLIENT, norm=OURS)
    ours = (('nope', 'Nope yes'), ('value', 'Compression maybe'),
            ('missing', 'Port'), ('extra', 'Port 1 2'),
            ('number', 'Port x'), ('big', 'Port 99999'),
            ('quote', 'User "a'), ('equal', 'Port = 44'),
            ('ignore', 'IgnoreUnknown N*\nNope yes'),
            ('match', 'Match exec "false"\nPort 5'),
            ('matchbad', 'Match nope x\nPort 5'),
            ('matchall', 'Match all\nPort 5'),
            ('matchuser', 'Match user x\nPort 5'),
            ('matchfinal', 'Match final all\nPort 6'),
            ('canonical', 'CanonicalizeHostname yes\nCanonicalDomains no.invalid'),
            ('include', 'Include /nonexistent'), ('tag', 'Tag t\nMatch tagged t\nPort 7'),
            ('forward', 'LocalForward 1 h'), ('host', 'Host !h *\nPort 9'),
            ('escape', 'EscapeChar xx'), ('ciphers', 'Ciphers nope'),
            ('rekey', 'RekeyLimit 1M 1h'), ('rekeybad', 'RekeyLimit x'),
            ('ipqos', 'IPQoS ef cs1'), ('proxyboth', 'ProxyCommand x\nProxyJump y'),
            ('setenv', 'SetEnv A=b C="d e"'), ('tokens', 'ControlPath %C'),
            ('tokensbad', 'ControlPath %q'), ('none', 'IdentityFile none'))
    for name, text in ours:
        add('config/c-%s' % name, 'printf %s >c; ssh -F c -G h' %
            q((text + '\n').replace('%', '%%').replace('\\', '\\\\')),
            pairs=CLIENT, norm=OURS)
    for name, args in (('nofile', '-F /nonexistent h true'),
                       ('option', '-o Nope=yes h true'),
                       ('optvalue', '-o Port= h true'),
                       ('cipher', '-c nope h true'), ('mac', '-m nope h true'),
                       ('lbad', '-L nope h true'), ('rbad', '-R 1:2 h true'),
                       ('dbad', '-D x:y:z h true'), ('wbad', '-W x h'),
                       ('ebad', '-e abc h true'), ('pbad', '-p 0 h true'),
                       ('obad', '-O nope h'), ('host', 'ho$st true'),
                       ('dashhost', '-- -h true'), ('user', '-l "a;b" h true'),
                       ('q', '-Q'), ('bindbad', '-b 192.0.2.77 h9 true')):
        add('badargs/ssh-%s' % name, 'ssh ' + args, pairs=CLIENT)
    for name, args in (('cipher', '-c nope f h:'), ('port', '-P x f h:'),
                       ('limit', '-l x f h:'), ('limit0', '-l 0 f h:'),
                       ('opt', '-o Nope=1 f h:'), ('one', 'f'),
                       ('xopt', '-X nope=1 f h:'), ('xval', '-X buffer=x f h:'),
                       ('F', '-F /nonexistent f h:'),
                       ('J', '-J "a b" f h:'), ('host', 'f "-h:x"'),
                       ('user', 'f "a;b@h:"'), ('empty', 'f ""'),
                       ('emptyhost', 'f :x'), ('ipv6', 'f "[::1"'),
                       ('uribad', 'f scp://h:x/y'), ('1', '-1 f h:'),
                       ('local3', '-3 f g'), ('both', '-t -f x')):
        add('badargs/scp-%s' % name, 'scp ' + args)
    for name, args in (('cipher', '-c nope h'), ('port', '-P x h'),
                       ('limit', '-l x h'), ('R', '-R 0 h'), ('B', '-B x h'),
                       ('b', '-b /nonexistent h'), ('opt', '-o Nope=1 h'),
                       ('host', '"-h"'),
                       ('two', 'h h'), ('xopt', '-X nope=1 h'),
                       ('btwice', '-b x -b y h'),
                       ('sbad', '-s nope h'), ('uri', 'sftp://h:x/y')):
        add('badargs/sftp-%s' % name, 'sftp ' + args)
    for name, text in (
            ('default', ''), ('nope', 'Nope yes'), ('value', 'UseDNS perhaps'),
            ('port', 'Port x'), ('match', 'Match user x\nX11Forwarding yes'),
            ('matchbad', 'Match nope x'), ('matchopt', 'Match all\nPort 3'),
            ('sub', 'Subsystem sftp a\nSubsystem sftp b'),
            ('ciphers', 'Ciphers nope'), ('include', 'Include /nonexistent/*'),
            ('many', 'MaxSessions 3\nAcceptEnv A B*\nPermitOpen h:1\n'
             'ChannelTimeout session=3\nRekeyLimit 1M')):
        add('config/T-%s' % name, 'printf %s >c; echo "HostKey $K/host" >>c; '
            '$SSHD -T -f $D/l/c; $SSHD -t -f $D/l/c' % q(text + '\n'),
            pairs=('so',), norm=OURS)


# Lines of ssh -G and sshd -T that stock's cannot have.
OURS = ((r'^(hpn\w*|tcprcvbufpoll|disablemtaes|none\w+|'
         r'happy\w+|usemptcp|fallback\w*|metrics\w*|zstdlevel) .*\n', ''),)


# ---------------------------------------------------------------------------
# scp

SOURCES = ['f', 'g', 'x', 'e', 'big', 'un', 'wr', 'ronly', 'suid', 'nope', 'd', 'd/',
           'd/.', 'd/one', 'd/sub/../two', './f', '/dev/null', 'ln', 'lnd', 'lnd/',
           'dang', 'loop', 'p', 'rod', 'nod', 'nod/in', 'dp', 'bad', 'ld', '.', '..',
           '', LONG, 'f/', 'f/x', '.hid', '//f', 'tgt/../f'] + NAMES
TREES = ['d', 'd/', 'd/.', 'lnd', 'lnd/', 'dang', 'loop', 'p', 'rod', 'nod', 'dp',
         'bad', 'ld', 'f', 'nope', 'un', 'tgt', '/dev/null', '-dash', 'a b', 'd/sub/..']
USER = {'un', 'wr', 'nod', 'nod/in', 'bad', 'rod', 'ronly'}


def hangs(src):
    """Stock waits at a FIFO for ever."""
    return 8 if src == 'p' else 100


def scp_one():
    for opt in ('', '-O'):
        for src in SOURCES:
            for way in ('up', 'down'):
                if src == '' and way == 'up':
                    continue
                if opt and src in NAMES[4:]:
                    continue
                name = 'scp-%s/%s%s' % (way, opt.strip('-') and 'O/', slug(src)[:20]
                                        if src not in ('d/', 'd/.', '.', '..', '//f',
                                                       'lnd/', 'f/', './f')
                                        else src.replace('/', '%').replace('.', ','))
                if way == 'up':
                    s = './' + src if src[:1] in '-~#' or ':' in src else src
                    cmd = 'scp %s %s h:tgt' % (opt, q(s))
                else:
                    s = remote_glob(src) if not opt else src
                    cmd = 'scp %s h:%s tgt' % (opt, q(s))
                add(name, cmd, user=src in USER, limit=hangs(src))
    for opt in ('-r', '-rp', '-p', '-Orp'):
        for src in TREES:
            for way in ('up', 'down'):
                if 'O' in opt and src in ('ld', 'nope', '-dash', 'd/sub/..'):
                    continue
                if opt == '-p' and src in ('d', 'd/', 'd/.', 'ld', 'lnd/'):
                    continue
                name = 'scp-%s/%s/%s' % (way, opt.strip('-'), src.replace(
                    '/', '%').replace('.', ',').replace(' ', '_'))
                if way == 'up':
                    cmd = 'scp %s %s h:tgt' % (opt, q('./' + src if src[0] == '-'
                                                      else src))
                else:
                    cmd = 'scp %s h:%s tgt' % (opt, q(src))
                add(name, cmd, user=src in USER, limit=hangs(src))


TARGETS = ['', '.', 'tgt', 'tgt/', 'new', 'new/', 'no/such/x', 'tgtf', 'tgtf/', 'ln',
           'lnd', 'lnd/', 'dang', 'loop', 'rod', 'rod/in', 'nod/x', 'un', 'ronly',
           'tgt/a b', '/dev/null', '/dev/full', '~', '~/new', '~nobody/x', 'x y',
           'new\nline', LONG, LONG + 'x', 'm*', 'd', '-dash']


def scp_targets():
    for opt in ('', '-O'):
        for srcs, sname in (('f', 'f'), ('-r d', 'd'), ('f g', 'fg'),
                            ('-p x', 'px')):
            for t in TARGETS:
                if (opt == '-O' or sname == 'fg') and \
                        sname != 'f' and t not in (
                            'new', 'tgtf', 'tgt', 'no/such/x', 'dang'):
                    continue
                if sname == 'px' and t not in ('new', 'tgtf', 'tgt', 'ronly', 'ln',
                                               'dang', '/dev/null'):
                    continue
                tn = {'': 'home', '.': 'dot', LONG: 'long', LONG + 'x': 'toolong',
                      '~': 'tilde'}.get(t, t.replace('/', '%'))
                tn = tn.replace(' ', '_').replace('\n', '_')
                user = t.startswith(('rod', 'nod', 'un', 'ronly'))
                add('scp-to/%s%s-%s' % ('O-' if opt else '', sname, tn),
                    'scp %s %s %s' % (opt, srcs, q('h:' + t)), user=user)
                if t == '':
                    continue
                down = ' '.join(s if s[0] == '-' else 'h:' + s
                                for s in srcs.split())
                add('scp-from/%s%s-%s' % ('O-' if opt else '', sname, tn),
                    'scp %s %s %s' % (opt, down, q('./' + t if t[0] == '-' else t)),
                    user=user)


# What is in the way of a tree.
BEFORE = [
    ('same', 'cp -a d tgt/d'),
    ('older', 'mkdir tgt/d tgt/d/sub; echo old >tgt/d/one; echo x >tgt/d/mine'),
    ('file', 'echo a file >tgt/d'),
    ('dirforfile', 'mkdir -p tgt/d/one'),
    ('filefordir', 'mkdir tgt/d; echo x >tgt/d/sub'),
    ('rofile', 'mkdir tgt/d; echo x >tgt/d/one; chmod 444 tgt/d/one'),
    ('rodir', 'mkdir tgt/d tgt/d/sub; chmod 555 tgt/d'),
    ('closed', 'mkdir tgt/d; chmod 0 tgt/d'),
    ('link', 'mkdir tgt/d; ln -s ../../f tgt/d/one'),
    ('danglink', 'mkdir tgt/d; ln -s ../../newone tgt/d/one'),
    ('linkdir', 'ln -s ../dp tgt/d'),
    ('closedsub', 'mkdir -p tgt/d/sub; chmod 300 tgt/d/sub'),
    ('loop', 'ln -s d tgt/d'),
    ('longer', 'mkdir tgt/d; head -c 9999 /dev/zero >tgt/d/one'),
]


def scp_before():
    for (name, setup), opt, way in itertools.product(
            BEFORE, ('-r', '-rp', '-rO'), ('up', 'down')):
        side = 'r' if way == 'up' else 'l'
        add('scp-over/%s-%s%s' % (way, name, opt),
            'scp %s d h:tgt' % opt if way == 'up' else 'scp %s h:d tgt' % opt,
            setup='cd %s; %s' % (side, setup),
            user=name in ('rofile', 'rodir', 'closed', 'closedsub'))


def scp_more():
    many = [
        ('missing', 'f nope g h:tgt'), ('unreadable', 'f un g h:tgt'),
        ('dirinit', 'f d g h:tgt'), ('file', 'f g h:tgtf'), ('none', 'f g h:none'),
        ('same', 'f f f h:tgt'), ('samename', 'f d/../f ln h:tgt/'),
        ('two', 'h1:f h2:g tgt'), ('mixed', 'f h:g tgt'), ('mixed3', '-3 f h1:g h2:tgt'),
        ('mixedup', 'f h1:g h2:tgt'),
        ('downmissing', 'h:f h:nope h:g tgt'), ('downmissing1', 'h:nope tgt'),
        ('downun', 'h:f h:un h:g tgt'), ('downdir', 'h:f h:d h:g tgt'),
        ('downfile', 'h:f h:g tgtf'), ('downnone', 'h:f h:g none'),
        ('glob', '"h:m*" tgt'), ('glob1', '"h:m[1-3]" tgt'), ('glob2', '"h:?" tgt'),
        ('brace', '"h:{m1,m2}" tgt'), ('bracemiss', '"h:{m1,nope}" tgt'),
        ('nomatch', '"h:zz*" tgt'), ('globdir', '"h:d*" tgt'),
        ('globdirr', '-r "h:d*" tgt'), ('globhid', '"h:.h*" tgt'),
        ('globall', '"h:*" tgt'), ('globallr', '-r "h:*" tgt'),
        ('globsub', '"h:*/one" tgt'), ('blank', '"h:a b" tgt'),
        ('blankquoted', '"h:a\\ b" tgt'), ('quoted', '"h:\'a b\'" tgt'),
        ('tilde', '"h:~/f" tgt'), ('tildeuser', '"h:~root/nope" tgt'),
        ('tildenouser', '"h:~nosuchuser/f" tgt'), ('var', '"h:\\$HOME/f" tgt'),
        ('uri', 'scp://h/f tgt'), ('uriup', 'f scp://h/tgt/f'),
        ('uriuser', 'f scp://trialnot@h/tgt/f'), ('local', 'f g tgt'),
        ('localone', 'f copy'), ('localr', '-r d copy'), ('localp', '-rp d tgt'),
        ('localmissing', 'nope copy'), ('localself', 'f f'), ('self', 'h:f h:f'),
        ('locald', 'd tgt'), ('colonlocal', './co:lon h:tgt'), ('colon', 'co:lon h:tgt'),
        ('stdin', '/dev/stdin h:tgt/x'), ('upglob', 'm* h:tgt'), ('rtwice', '-rr d h:tgt'),
        ('devfull', 'h:f /dev/full'), ('devfullbig', 'h:big /dev/full'),
        ('dirtonull', '-r h:d /dev/null'),
    ]
    for opt in ('', '-O'):
        for name, args in many:
            if opt and ('h1:' in args and 'h2:' in args):
                continue
            add('scp-many/%s%s' % ('O-' if opt else '', name),
                'scp %s %s' % (opt, args), user='un' in args.split() or
                'glob' in name)
    for name, args in (
            ('C', '-C'), ('q', '-q'), ('B', '-B'), ('l', '-l 100000'), ('T', '-T'),
            ('s', '-s'), ('4', '-4'), ('6', '-6'), ('P', '-P 22'),
            ('c', '-c aes128-ctr'), ('ooo', '-o Compression=yes -o LogLevel=QUIET'),
            ('buffer', '-X buffer=1024'), ('nrequests', '-X nrequests=1'),
            ('i', '-i /nonexistent'), ('A', '-A'), ('R', '-R'), ('3', '-3')):
        for way in ('up', 'down'):
            add('scp-opt/%s-%s' % (name, way), 'scp %s %s' % (
                args, 'big f h:tgt' if way == 'up' else 'h:big h:f tgt'))
    remote = [('f', 'h1:f h2:out'), ('ftgt', 'h1:f h2:tgt'), ('fg', 'h1:f h1:g h2:tgt'),
              ('d', '-r h1:d h2:tgt'), ('dnew', '-r h1:d h2:new'), ('dnor', 'h1:d h2:tgt'),
              ('p', '-p h1:x h2:out'), ('rp', '-rp h1:dp h2:tgt'), ('nope', 'h1:nope h2:out'),
              ('nopes', 'h1:f h1:nope h1:g h2:tgt'), ('bad', '-r h1:bad h2:tgt'),
              ('un', 'h1:un h2:out'), ('dir', 'h1:f h2:no/such'), ('ro', 'h1:f h2:rod/x'),
              ('glob', '"h1:m*" h2:tgt'), ('same', 'h1:f h1:tgt'), ('two', 'h1:f h2:g h:tgt'),
              ('link', 'h1:ln h2:tgt'), ('dang', 'h1:dang h2:tgt'), ('file', 'h1:f h1:g h2:tgtf'),
              ('big', 'h1:big h2:out'), ('empty', 'h1:e h2:out'), ('blank', '"h1:a b" "h2:c d"'),
              ('over', '-r h1:d h2:tgt')]
    for opt in ('', '-3', '-R', '-3O', '-RO'):
        for name, args in remote:
            if 'O' in opt and name in ('glob', 'two', 'same', 'link', 'over', 'blank'):
                continue
            add('scp-between/%s%s' % (opt.strip('-') + '-' if opt else '', name),
                'scp %s %s' % (opt, args), user=name in ('un', 'bad', 'ro'),
                setup='mkdir -p r/tgt/d; echo x >r/tgt/d/one' if name == 'over'
                else '')
    # Larger than lanes begin at, and a hole.
    for name, make in (('9m', 'head -c 9000000 /dev/urandom'),
                       ('hole', 'printf a; head -c 4000000 /dev/zero; printf b')):
        for opt in ('', '-p', '-O'):
            add('scp-large/up-%s%s' % (name, opt), 'scp %s %s' % (
                opt, 'large h:tgt && cmp large ../r/tgt/large && rm large '
                '../r/tgt/large'),
                setup='(%s) >l/large' % make)
            add('scp-large/down-%s%s' % (name, opt), 'scp %s %s' % (
                opt, 'h:large tgt && cmp tgt/large ../r/large && rm tgt/large '
                '../r/large'),
                setup='(%s) >r/large' % make)
    for way in ('up', 'down'):
        add('scp-large/files-%s' % way, 'scp -rp %s' % (
            'many h:tgt' if way == 'up' else 'h:many tgt'),
            setup='mkdir -p %s/many; cd %s/many; for i in 1 2 3 4 5 6 7 8 9; do '
            'for j in 1 2 3 4 5 6 7 8 9; do echo $i.$j >f$i$j; done; mkdir d$i; '
            'echo $i >d$i/x; done; touch -d @1000000000 * */* .' %
            (('l', 'l') if way == 'up' else ('r', 'r')), quick=True)
        deep = '/'.join('d%d' % i for i in range(30))
        add('scp-large/deep-%s' % way, 'scp -r %s' % (
            'd0 h:tgt' if way == 'up' else 'h:d0 tgt'),
            setup='mkdir -p %s/%s; echo end >%s/%s/x' % (
                ('l', deep) * 2 if way == 'up' else ('r', deep) * 2))
    # A destination without room, told by a limit on a file's size.
    for way in ('down',):
        for opt in ('', '-O'):
            add('scp-full/%s%s' % (way, opt), 'ulimit -f 100; trap "" XFSZ; '
                'scp %s h:big tgt' % opt)


# Servers that do something else.

SERVERS = [
    ('exit3', 'ForceCommand exit 3'), ('false', 'ForceCommand false'),
    ('killed', 'ForceCommand kill -9 $$'), ('term', 'ForceCommand kill $$'),
    ('garbage', 'ForceCommand echo "Welcome to this server, dear user"'),
    ('internal', 'ForceCommand internal-sftp -d @D@/r'),
    ('readonly', 'ForceCommand internal-sftp -R -d @D@/r'),
    ('umask', 'ForceCommand internal-sftp -u 077 -d @D@/r'),
    ('nowrite', 'ForceCommand internal-sftp -P write -d @D@/r'),
    ('noread', 'ForceCommand internal-sftp -P read -d @D@/r'),
    ('nostat', 'ForceCommand internal-sftp -P stat,lstat -d @D@/r'),
    ('nofstat', 'ForceCommand internal-sftp -P fstat -d @D@/r'),
    ('nosetstat', 'ForceCommand internal-sftp -P setstat,fsetstat -d @D@/r'),
    ('nomkdir', 'ForceCommand internal-sftp -P mkdir -d @D@/r'),
    ('noreaddir', 'ForceCommand internal-sftp -P readdir,opendir -d @D@/r'),
    ('norealpath', 'ForceCommand internal-sftp -P realpath -d @D@/r'),
    ('nolimits', 'ForceCommand internal-sftp -P limits -d @D@/r'),
    ('noext', 'ForceCommand internal-sftp -P posix-rename,statvfs,fstatvfs,hardlink,'
     'fsync,lsetstat,limits,expand-path,copy-data,home-directory,'
     'users-groups-by-id -d @D@/r'),
    ('onlyread', 'ForceCommand internal-sftp -p open,close,read,stat,lstat,fstat,'
     'realpath,opendir,readdir -d @D@/r'),
    ('nosessions', 'MaxSessions 0'), ('nouser', 'DenyUsers *'),
    ('nokey', 'AuthorizedKeysFile none'), ('oneSession', 'MaxSessions 1'),
    ('banner', 'Banner @D@/l/g'), ('compress', 'Compression no'),
    ('oldcipher', 'Ciphers aes256-cbc'), ('ctr', 'Ciphers aes256-ctr'),
    ('nofwd', 'DisableForwarding yes'), ('rekey', 'RekeyLimit 64K'),
]


def servers():
    for name, conf in SERVERS:
        for what, cmd in (
                ('up', 'scp f g h:tgt'), ('down', 'scp h:f h:g tgt'),
                ('rup', 'scp -rp d h:tgt'), ('rdown', 'scp -rp h:d tgt'),
                ('O', 'scp -O f g h:tgt; scp -O h:x tgt'),
                ('big', 'scp big h:tgt; scp h:big tgt'),
                ('sftp', 'sftp -b - h <<E\n-ls -l d\n-put -p f tgt/\n-get -p g '
                 'tgt/\n-mkdir n\n-rename m1 m9\n-df\npwd\nE'),
                ('ssh', 'ssh h "echo out; echo err >&2; exit 7"')):
            if what in ('rup', 'rdown', 'big') and 'sftp' not in conf and \
                    name not in ('exit3', 'killed', 'garbage', 'oneSession',
                                 'rekey'):
                continue
            if what in ('O', 'ssh') and 'internal' in conf and name != 'internal':
                continue
            add('server-%s/%s' % (name, what), cmd, server=conf, norm=DF)


# ---------------------------------------------------------------------------
# sftp

DF = ((r'^ *[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+%$', 'DF'),
      (r'^ *[0-9.]+[KMGTP]?B? +[0-9.]+[KMGTP]?B? +[0-9.]+[KMGTP]?B? +[0-9.]+[KMGTP]?B?'
       r' +[0-9]+%$', 'DF'))

BATCHES = [
    ('get', 'get f tgt/'), ('get2', 'get f new'), ('getdef', 'cd d\nget one'),
    ('getmiss', 'get nope\nget f tgt/'), ('getmiss-', '-get nope\nget f tgt/'),
    ('getun', '-get un tgt/\nget f tgt/'), ('getdir', '-get d tgt/'),
    ('getr', 'get -r d tgt/'), ('getR', 'get -R d tgt/'), ('getrp', 'get -rp d tgt/'),
    ('getP', 'get -P x tgt/'), ('getp', 'get -p x tgt/'), ('geta', 'get -a big tgt/'),
    ('getf', 'get -f f tgt/'), ('getglob', 'get m* tgt/'), ('getglobmiss', '-get zz*'),
    ('getq', 'get "a b" tgt/'), ('getqs', "get 'a b' tgt/"), ('getesc', 'get a\\ b tgt/'),
    ('getq3', 'get "q\'u\\"o" tgt/'), ('getopen', '-get "a b'), ('getbs', 'get b\\\\s tgt/'),
    ('getstar', 'get st\\*r tgt/'), ('getbr', 'get \\[z\\] tgt/'),
    ('getutf', 'get \u00fcber tgt/'), ('getdash', 'get -- -dash tgt/\n-get -dash tgt/'),
    ('getdotdash', 'get ./-dash tgt/'), ('getln', 'get ln tgt/'), ('getlnd', '-get lnd tgt/'),
    ('getlndr', 'get -r lnd tgt/'), ('getdang', '-get dang tgt/'), ('getloop', '-get loop tgt/'),
    ('getfifo', '-get p tgt/'), ('getbad', '-get -r bad tgt/\nls tgt'), ('getld', '-get -r ld tgt/'),
    ('getnod', '-get -r nod tgt/'), ('getto', '-get f no/such'), ('getto2', '-get f rod/x'),
    ('gettofile', '-get f tgtf/'), ('getm', 'get m* tgtf'), ('getmnone', '-get m* none'),
    ('getnull', 'get f /dev/null'), ('getempty', 'get e tgt/'), ('getover', 'get f tgtf'),
    ('gettwo', '-get f g tgt/'), ('getnone', '-get'), ('getbadopt', '-get -z f'),
    ('gethid', 'get .h* tgt/'), ('getall', '-get * tgt/'), ('getsub', 'get d/sub/three tgt/'),
    ('getallr', '-get -r * tgt/'), ('getabs', 'lcd tgt\nget f\nlpwd'), ('mget', 'mget m* tgt/'),
    ('mget2', '-mget m1 m2 tgt/'), ('mput2', '-mput m1 m2 tgt/'),
    ('put', 'put f tgt/'), ('put2', 'put f new'), ('putdef', 'lcd d\nput one'),
    ('putmiss', 'put nope\nput f tgt/'), ('putmiss-', '-put nope\nput f tgt/'),
    ('putun', '-put un tgt/\nput f tgt/'), ('putdir', '-put d tgt/'), ('putr', 'put -r d tgt/'),
    ('putrnew', 'put -r d new'), ('putrp', 'put -rp d tgt/'), ('putP', 'put -P x tgt/'),
    ('puta', 'put -a big tgt/'), ('putf', 'put -f f tgt/'), ('putglob', 'put m* tgt/'),
    ('putglobmiss', '-put zz*'), ('putq', 'put "a b" tgt/'), ('putq2', 'put "a b" "c d"'),
    ('pututf', 'put \u00fcber tgt/'), ('putdash', 'put -- -dash tgt/'), ('putln', 'put ln tgt/'),
    ('putlnd', '-put lnd tgt/'), ('putdang', '-put dang tgt/'), ('putloop', '-put loop tgt/'),
    ('putfifo', '-put p tgt/'), ('putbad', '-put -r bad tgt/\nls tgt'), ('putld', '-put -r ld tgt/'),
    ('putnod', '-put -r nod tgt/'), ('putto', '-put f no/such'), ('putto2', '-put f rod/x'),
    ('puttofile', '-put f tgtf/'), ('putm', '-put m* tgtf'), ('putmnone', '-put m* none'),
    ('putnull', 'put f /dev/null'), ('putempty', 'put e tgt/'), ('putover', 'put f tgtf'),
    ('putstar', 'put st\\*r tgt/'), ('putall', '-put * tgt/'), ('putallr', '-put -r * tgt/'),
    ('putro', '-put f ronly'), ('putxnull', 'put -p x tgtf'), ('putnone', '-put'),
    ('reget', '!head -c 50 ../r/big >tgt/big\nreget big tgt/big'),
    ('regetnew', 'reget big tgt/big'), ('regetfull', '!cp ../r/big tgt/big\nreget big tgt/big'),
    ('regetlong', '!cat ../r/big ../r/f >tgt/big\n-reget big tgt/big'),
    ('regetr', '!mkdir tgt/d\n!head -c 9 ../r/d/one >tgt/d/one\n-reget -r d tgt/'),
    ('regetmiss', '-reget nope tgt/'), ('getafull', '!cp ../r/big tgt/\nget -a big tgt/'),
    ('getapart', '!head -c 1000 ../r/big >tgt/big\nget -a big tgt/'),
    ('reput', '!head -c 50 big >../r/tgt/big\nreput big tgt/big'),
    ('reputnew', '-reput big tgt/big'), ('putanew', '-put -a big tgt/big\nls tgt'),
    ('putapart', '!head -c 1000 big >../r/tgt/big\nput -a big tgt/'),
    ('putafull', '!cp big ../r/tgt/big\nput -a big tgt/'),
    ('putalong', '!cat big f >../r/tgt/big\n-put -a big tgt/'),
    ('reputr', '!mkdir ../r/tgt/d\n!head -c 9 d/one >../r/tgt/d/one\n-reput -r d tgt/'),
    ('ls', 'ls'), ('ls1', 'ls -1'), ('lsl', 'ls -l d'), ('lsla', 'ls -la d'), ('lsn', 'ls -ln d'),
    ('lsh', 'ls -lh d'), ('lsr', 'ls -r'), ('lst', 'ls -t'), ('lsS', 'ls -S'), ('lsf', 'ls -f m*'),
    ('lsglob', 'ls m*'), ('lsmiss', '-ls nope\n-ls zz*'), ('lsfile', 'ls -l f'), ('lsa', 'ls -a'),
    ('lsd', 'ls d tgt'), ('lsnod', '-ls nod'), ('lsln', 'ls -l ln\nls lnd'), ('lsbad', '-ls -z'),
    ('lsabs', 'ls -1 d/sub'), ('lsq', 'ls "a b"'), ('lsdir', 'ls -l d/'), ('lsx', 'ls -1 ?'),
    ('lsempty', 'ls tgt'), ('lls', 'lls d'), ('llsbad', '-lls nope'), ('lsdots', 'ls d/..'),
    ('cd', 'cd d\npwd\ncd ..\npwd'), ('cdmiss', '-cd nope\n-cd f\npwd'), ('cdnone', 'cd d\ncd\npwd'),
    ('cdnod', '-cd nod'), ('lcd', 'lcd d\nlpwd\n-lcd nope\n-lcd f\nlcd\nlpwd'), ('cdln', 'cd lnd\npwd'),
    ('mkdir', 'mkdir n1\nmkdir "n 2"\n-mkdir d\n-mkdir no/such\n-mkdir rod/x\n-mkdir'),
    ('lmkdir', 'lmkdir n1\n-lmkdir d\n-lmkdir no/such'), ('rmdir', 'rmdir tgt\n-rmdir d\n-rmdir nope\n-rmdir f'),
    ('rm', 'rm f\n-rm nope\n-rm d\nrm m*\n-rm zz*\n-rm'), ('rmro', '-rm rod/in\nrm ronly'),
    ('rename', 'rename f ff\n-rename nope x\n-rename g ff\nrename d dd\n-rename e no/such'),
    ('renamel', 'rename -l f ff\n-rename -l g ff'), ('renamedir', '-rename f tgt\n-rename f d'),
    ('ln', 'ln f hard\nln -s f soft\n-ln nope x\n-ln f g\n-ln -s x f\nsymlink a b\n-ln d hd'),
    ('chmod', 'chmod 600 f\nchmod 4755 x\n-chmod 9 f\n-chmod 600 nope\nchmod 640 m*\n-chmod x f\nchmod -h 600 f'),
    ('chmodln', 'chmod 600 ln\n-chmod -h 600 ln\n-chmod 600 dang'), ('chmodd', 'chmod 700 d'),
    ('chown', '-chown 0 f\n-chown x f\n-chown 1 nope'), ('chgrp', '-chgrp 0 f\n-chgrp x f\n-chgrp -h 0 f'),
    ('df', 'df\ndf -h\ndf -i\ndf -hi\ndf d\n-df nope'), ('help', 'help\n?'), ('version', 'version'),
    ('copy', 'copy f ff\ncp f g\n-cp nope x\n-cp d x\n-cp f no/such\n-cp f rod/x\ncp big b2'),
    ('cpun', '-cp un x\n-cp f un\ncp e ee\n-cp f f'), ('bang', '!echo hi\n!exit 3\n-!exit 3\nls f'),
    ('bang2', '!false\nls f'), ('bang3', '-!false\nls f'), ('lumask', 'lumask 077\nget x tgt/\n-lumask 9'),
    ('progress', 'progress\nprogress'), ('comment', '# a comment\nls f\n\n   \n  ls g'),
    ('at', '@ls f\n@-ls nope\n-@ls nope\n@!echo x'), ('nope', '-nope\nls f'), ('nope2', 'nope\nls f'),
    ('abbr', '-mk n\n-ge f\n-renam f g'), ('case', 'LS f\nPwd'), ('bye', 'bye\nls f'), ('quit', 'quit\nls f'),
    ('exit', 'exit\nls f'), ('pwd', 'pwd\nlpwd'), ('long', 'ls ' + 'x' * 3000), ('nonl', 'ls f'),
    ('exclam', '!'), ('bigscript', '\n'.join('get m%d tgt/' % (i % 5 + 1) for i in range(40))),
    ('mixed', 'put f tgt/\nget tgt/f tgt/\nrename tgt/f tgt/g\nls tgt\nrm tgt/g\nrmdir tgt'),
    ('fails', 'ls f\nls nope\nls g'), ('failget', 'ls f\nget nope\nls g'), ('failput', 'put nope\nls g'),
    ('failrm', 'rm nope\nls g'), ('faildir', 'get d\nls g'), ('failr', 'get -r bad tgt/\nls g'),
    ('failputr', 'put -r bad tgt/\nls g'), ('failputm', 'put m* none\nls g'), ('failcd', 'cd nope\nls g'),
    ('failun', 'get un\nls g'), ('failputun', 'put un\nls g'), ('failto', 'put f no/such\nls g'),
    ('failmk', 'mkdir d\nls g'), ('failgetm', 'get zz*\nls g'), ('failbadr', 'put -r nope\nls g'),
    ('overdir', '-put f tgt\nget f tgt\n-put -r d f\n-get -r d f'), ('same', '-get m1 tgt/x\n-put m1 tgt/x'),
    ('spaces', '   get    f    tgt/   '), ('tabs', 'get\tf\ttgt/'), ('hash', 'get "#hash" tgt/'),
    ('tilde', '-ls ~\n-get ~til tgt/'), ('semi', 'get semi;colon tgt/'), ('cr', 'ls f\r\nls g\r\n'),
]

PLAIN = ['get', 'getmiss', 'getr', 'put', 'putmiss', 'putr', 'ls', 'lsl', 'cd', 'df', 'fails',
         'at', 'comment', 'bye', 'nope', 'rename', 'getun', 'putall', 'getall', 'bang', 'help',
         'failr', 'failputr', 'failputm', 'reput', 'putanew', 'reget', 'regetlong', 'mixed']


def sftp():
    user = re.compile(r'\b(un|nod|rod|ronly|bad|all|allr)\b|\*')
    # "Jan 1 2001" is what the fixture says; what is new has the time of the run.
    now = DF + ((r'[A-Z][a-z][a-z] [ 0-9][0-9] [0-9][0-9]:[0-9][0-9]', 'NOW'),)
    for name, text in BATCHES:
        text = text if name in ('nonl', 'cr') else text + '\n'
        add('sftp-b/' + name, 'sftp -b - h', stdin=text, norm=now,
            user=bool(user.search(text)), setup='rm l/p' if 'put' in text and
            '*' in text else '', limit=8 if name == 'putfifo' else 100)
    table = dict(BATCHES)
    for name in PLAIN:
        text = table[name] + '\n'
        add('sftp-in/' + name, 'sftp h', stdin=text, norm=now,
            user=bool(user.search(text)), setup='rm l/p')
        add('sftp-q/' + name, 'sftp -q -b - h', stdin=text, norm=now,
            user=bool(user.search(text)), setup='rm l/p')
    for name, args in (
            ('a', '-a'), ('p', '-p'), ('r', '-r'), ('f', '-f'), ('C', '-C'), ('l', '-l 100000'),
            ('R1', '-R 1'), ('B1', '-B 1000'), ('N', '-N'), ('q', '-q'), ('4', '-4'), ('A', '-A'),
            ('x', '-X buffer=2048'), ('rp', '-rp'), ('ap', '-apr')):
        add('sftp-opt/' + name, 'sftp %s -b - h' % args,
            stdin='get big tgt/\nput big tgt/\n-get d tgt/\n-put d tgt/\n')
    for name, args in (
            ('file', 'h:f tgt/'), ('filenew', 'h:f'), ('dir', 'h:d'), ('dirto', 'h:d tgt'),
            ('miss', 'h:nope tgt'), ('rdir', '-r h:d tgt'), ('glob', '"h:m*" tgt'), ('un', 'h:un tgt'),
            ('uri', 'sftp://h/f tgt'), ('uridir', 'sftp://h/d'), ('user', 'nouser@h:f tgt'),
            ('fifo', 'h:p tgt'), ('dang', 'h:dang tgt'), ('to', 'h:f no/such'), ('blank', '"h:a b" tgt'),
            ('prp', '-rp h:dp tgt'), ('bdir', '-b /dev/null h:d'), ('bmiss', '-b /dev/null h:nope')):
        add('sftp-arg/' + name, 'sftp ' + args, stdin='pwd\nls\n', norm=now,
            user=name == 'un')
    for name, args in (
            ('plain', ''), ('R', '-R'), ('u', '-u 077'), ('Popen', '-P open'),
            ('Pread', '-P read'), ('Pwrite', '-P write'), ('Pclose', '-P close'), ('Popendir', '-P opendir'),
            ('Preaddir', '-P readdir'), ('Pstat', '-P stat'), ('Plstat', '-P lstat'), ('Pfstat', '-P fstat'),
            ('Psetstat', '-P setstat'), ('Pfsetstat', '-P fsetstat'), ('Pmkdir', '-P mkdir'),
            ('Premove', '-P remove'), ('Prmdir', '-P rmdir'), ('Prename', '-P rename,posix-rename'),
            ('Prealpath', '-P realpath'), ('Plimits', '-P limits'), ('Pnope', '-P nope'), ('ponly', '-p open,close'),
            ('dmiss', '-d nope'), ('Pextra', '-P hardlink,statvfs,copy-data,expand-path,fsync')):
        script = ('-ls -l d\n-put -p x tgt/\n-put -r d tgt/\n-get -p x tgt/\n-get -r d tgt/\n-mkdir n\n'
                  '-rename m1 m9\n-rm m2\n-ln f hard\n-chmod 600 m3\n-df\n-cp f copy\n-rmdir d/empty\n'
                  '-get -f g tgt/\n-put -f g tgt/\npwd\n')
        copies = '"-rp d h:tgt" "-p h:x tgt" "-r h:d tgt" "f g h:tgt" "f h:ronly"'
        if name == 'Pclose':    # of several files it is said in any order
            copies = '"-p h:x tgt" "f h:tgt" "f h:ronly"'
        else:
            add('sftp-D/' + name, 'sftp -b - -D "$SERVER -d $D/r %s"' % args, stdin=script, norm=now)
        add('scp-D/' + name, 'for a in ' + copies + '; do '
            'scp -D $T/served $a; echo $?; done',
            setup='printf "#!/bin/sh\\nexec %%s -d %%s %s\\n" $SERVER $D/r >t/served; '
            'chmod 755 t/served' % args)


# ---------------------------------------------------------------------------
# ssh

def ssh():
    for name, cmd in (
            ('true', 'ssh h true'), ('false', 'ssh h false'), ('exit', 'ssh h exit 42'),
            ('exit255', 'ssh h exit 255'), ('kill', 'ssh h "kill -9 \\$\\$"'),
            ('killterm', 'ssh h "kill -TERM \\$\\$"'), ('segv', 'ssh h "kill -SEGV \\$\\$"'),
            ('both', 'ssh h "echo out; echo err >&2; exit 3"'), ('nosuch', 'ssh h nosuchcommand'),
            ('args', 'ssh h printf "%s.." a "b c" d'), ('dash', 'ssh -- h echo -n x'),
            ('optafter', 'ssh h -n echo x'), ('n', 'ssh -n h cat'), ('f', 'ssh -f h "sleep 0.2; echo later"; sleep 1'),
            ('stdin', 'printf abc | ssh h cat'), ('stdinbig', 'ssh h cat <big | cmp - big && echo same'),
            ('outbig', 'ssh h cat big | cmp - ../r/big && echo same'), ('closedin', 'ssh h cat <&-'),
            ('closedout', 'ssh h echo x >&-'), ('closederr', 'ssh h "echo x >&2" 2>&-'),
            ('full', 'ssh h cat big >/dev/full'), ('pipe', 'ssh h "yes 2>/dev/null" | head -n 2'),
            ('head', 'ssh h "head -n 1" <g'), ('stdinleft', '(ssh h "head -c 3" >/dev/null; cat) <g | wc -c | sed "s/.*/some/"'),
            ('shell', 'ssh h'), ('shellin', 'printf "echo hi\\nexit 5\\n" | ssh h'), ('T', 'echo "echo t" | ssh -T h'),
            ('t', 'ssh -t h tty'), ('tt', 'ssh -tt h "tty | sed s/[0-9]*//g; stty size"'),
            ('ttstty', 'ssh -tt h "stty -a | head -n 1"'), ('ttexit', 'ssh -tt h exit 9'),
            ('sub', 'ssh -s h nosuch'), ('subsftp', 'ssh -s h sftp </dev/null | od -c | head -n 3'),
            ('N', 'timeout 2 ssh -N h; echo $?'), ('env', 'A=b ssh -o SendEnv=A h "echo \\$A"'),
            ('setenv', 'ssh -o SetEnv="LC_X=y Z=z" h "echo \\$LC_X \\$Z"'), ('conn', 'ssh h "echo \\$SSH_CONNECTION"'),
            ('sshenv', 'ssh h "env | grep ^SSH_ | sed s/=.*//"'), ('x11', 'DISPLAY=:9 ssh -X h "echo \\$DISPLAY"'),
            ('C', 'ssh -C h cat big | cmp - ../r/big && echo same'), ('q', 'ssh -q h "echo e >&2"'), ('qq', 'ssh -q nosuch.invalid true'),
            ('v', 'ssh -v h true 2>&1 | grep -c "Authenticated to"'), ('E', 'ssh -E log -v h true; grep -c Authenticated log; rm log'),
            ('y', 'ssh -o LogLevel=ERROR h true'), ('remotecmd', 'ssh -o RemoteCommand="echo rc" h'),
            ('remotecmd2', 'ssh -o RemoteCommand="echo rc" h echo two'), ('localcmd', 'ssh -o PermitLocalCommand=yes -o LocalCommand="echo local %n %r" h echo r'),
            ('batch', 'ssh -o BatchMode=yes -o PubkeyAuthentication=no h true'), ('nokey', 'ssh -i /nonexistent h echo x'),
            ('wrongkey', 'ssh -o IdentityFile=$K/other -o BatchMode=yes -F $T/ssh_config h echo x'), ('user', 'ssh nosuchuser@h true </dev/null'),
            ('luser', 'ssh -l nosuchuser -o BatchMode=yes h true'), ('cipher', 'ssh -c aes256-gcm@openssh.com h echo x'),
            ('mac', 'ssh -c aes128-ctr -m hmac-sha2-512 h echo x'), ('kex', 'ssh -o KexAlgorithms=curve25519-sha256 h echo x'),
            ('nocipher', 'ssh -c aes128-cbc h echo x'), ('nomac', 'ssh -c aes128-ctr -m hmac-md5-96 h echo x'),
            ('nokex', 'ssh -o KexAlgorithms=diffie-hellman-group1-sha1 h echo x'), ('nohostkey', 'ssh -o HostKeyAlgorithms=ssh-rsa h echo x'),
            ('rekey', 'ssh -o RekeyLimit=20K h cat big | cmp - ../r/big && echo same'), ('rekeyup', 'ssh -o RekeyLimit=20K h cat <big | cmp - big && echo same'),
            ('noname', 'ssh nosuch.invalid true'), ('refused', 'ssh -o ProxyCommand=none -p 1 127.0.0.1 true'),
            ('proxyfail', 'ssh -o ProxyCommand="exit 3" h true'), ('proxygarbage', 'ssh -o ProxyCommand="echo hello" h true'), ('proxyold', 'ssh -o ProxyCommand="echo SSH-1.5-x" h true'),
            ('proxytrunc', 'ssh -o ProxyCommand="head -c 40 | cat >/dev/null; printf SSH-2.0-x" h true'),
            ('fdpass', 'ssh -o ProxyUseFdpass=yes -o ProxyCommand=false h true'),
            ('timeout', 'ssh -o ConnectTimeout=1 -o ProxyCommand="sleep 9" h true'), ('alive', 'ssh -o ServerAliveInterval=1 h "sleep 2.5; echo x"'),
            ('unknown', 'ssh -o UserKnownHostsFile=/dev/null h true'), ('unknownno', 'ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=$T/kh2 h echo x; sed "s/ssh-ed.*/KEY/" $T/kh2'),
            ('unknownnew', 'ssh -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=$T/kh2 h echo x; ssh -o UserKnownHostsFile=$T/kh2 h echo y'),
            ('unknownyes', 'ssh -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/dev/null h true'),
            ('changed', 'sed "s/^h.*/h $(cut -d\\  -f1,2 $K/other.pub)/" $T/kh >$T/kh2; ssh -o UserKnownHostsFile=$T/kh2 h true'),
            ('changedno', 'sed "s/^h.*/h $(cut -d\\  -f1,2 $K/other.pub)/" $T/kh >$T/kh2; ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=$T/kh2 h echo x'),
            ('hash', 'ssh -o HashKnownHosts=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=$T/kh2 h echo x; grep -c "^|1|" $T/kh2'),
            ('revoked', '(printf "@revoked * "; cut -d\\  -f1,2 $K/host.pub) >$T/kh2; ssh -o UserKnownHostsFile=$T/kh2 h true'),
            ('alias', 'ssh -o HostKeyAlias=other h true'), ('agentless', 'ssh -A h "ssh-add -l"'), ('forkbg', 'ssh h "sleep 5 >/dev/null 2>&1 & echo started"'),
            ('signal', 'ssh h "trap \'echo got; exit 4\' TERM; kill \\$\\$; exit 1"'), ('longcmd', 'ssh h echo %s | wc -c' % ('x' * 5000)),
            ('nul', 'printf "a\\0b" | ssh h cat | od -c'), ('utf', 'ssh h echo "\u00fc\u00df"'), ('newline', 'ssh h "echo a\necho b"'),
            ('empty', 'ssh h ""'), ('blank', 'ssh h " "'), ('tag', 'ssh -P tag h echo x'), ('stdinnull', 'ssh -o StdinNull=yes h cat'),
            ('sessiontype', 'timeout 2 ssh -o SessionType=none h; echo $?'), ('reqtty', 'ssh -o RequestTTY=force h "tty >/dev/null && echo tty"'),
            ('obscure', 'ssh -o ObscureKeystrokeTiming=no h echo x'), ('config', 'ssh -o CanonicalizeHostname=yes -o CanonicalDomains=invalid h echo x'),
            ('setsid', 'setsid -w ssh h echo x'), ('many', 'for i in 1 2 3; do ssh h echo $i & done; wait'),
            ('exit-n', 'ssh h "exec >&- 2>&-; sleep 0.3; exit 6"'), ('in-eof', '(sleep 0.3; echo late) | ssh h "cat; exit 8"')):
        add('ssh/' + name, cmd, norm=(
            (r'banner exchange: Connection to UNKNOWN port 65535: Broken pipe|'
             'Connection closed by UNKNOWN port 65535', 'GONE'),
            (r'pid [0-9]+', 'pid N'), (r'SHA256:\S+', 'SHA256:X')))
    for name, conf, cmd in (
            ('acceptenv', 'AcceptEnv A*', 'A=b AB=c B=d ssh -o SendEnv="*" h "echo \\$A \\$AB \\$B"'),
            ('setenv', 'SetEnv ZZ=top', 'ssh h "echo \\$ZZ"'), ('force', 'ForceCommand echo forced "$SSH_ORIGINAL_COMMAND"', 'ssh h a b'),
            ('notty', 'PermitTTY no', 'ssh -tt h echo x'), ('banner', 'Banner @D@/l/g', 'ssh h echo x'), ('motd', 'PrintMotd yes', 'ssh -tt h echo x'),
            ('rekey', 'RekeyLimit 20K', 'ssh h cat big | cmp - ../r/big && echo same'), ('match', 'Match all\nForceCommand exit 12\nMatch all', 'ssh h true'),
            ('chacha', 'Ciphers chacha20-poly1305@openssh.com', 'ssh h cat <big | cmp - big && echo same'), ('cbc', 'Ciphers aes128-cbc', 'ssh h true'),
            ('maxauth', 'MaxAuthTries 1\nAuthorizedKeysFile none', 'ssh -o BatchMode=yes h true'), ('sessions', 'MaxSessions 0', 'ssh h true'),
            ('internal', 'ForceCommand internal-sftp', 'ssh h true'), ('addendum', 'VersionAddendum hello there', 'ssh -v h true 2>&1 | grep -c "hello there"'),
            ('nobanner', 'DebianBanner no', 'ssh -v h true 2>&1 | grep -c "remote software version"'),
            ('alive', 'ClientAliveInterval 1', 'ssh h "sleep 2.5; echo x"'), ('timeout', 'ChannelTimeout session=1', 'ssh h "sleep 8; echo x"'),
            ('unused', 'UnusedConnectionTimeout 1', 'ssh -N h'), ('kbd', 'AuthenticationMethods publickey,password', 'ssh -o BatchMode=yes h true'),
            ('version', 'RequiredRSASize 9999', 'ssh h echo x'), ('reexec', 'LogLevel QUIET', 'ssh h echo x')):
        add('sshd/' + name, cmd, server=conf)
    # Forwards, over TCP.
    py = 'python3 $TOOLS/net.py '
    for name, cmd in (
            ('L', py + 'serve 1 sh -c "ssh -f -o ExitOnForwardFailure=yes -L @2:127.0.0.1:@1 h \'sleep 30\' >/dev/null 2>&1; python3 $TOOLS/net.py fetch @2"'),
            ('Lsock', py + 'serve 1 sh -c "ssh -f -L $D/t/s:127.0.0.1:@1 h \'sleep 30\' >/dev/null 2>&1; python3 $TOOLS/net.py fetch $D/t/s; ls -l $D/t/s | cut -c1-10"'),
            ('R', py + 'serve 1 sh -c "ssh -f -R @2:127.0.0.1:@1 h \'sleep 30\' >/dev/null 2>&1; python3 $TOOLS/net.py fetch @2"'),
            ('Rsock', py + 'serve 1 sh -c "ssh -f -R $D/t/s:127.0.0.1:@1 h \'sleep 30\' >/dev/null 2>&1; python3 $TOOLS/net.py fetch $D/t/s"'),
            ('D', py + 'serve 1 sh -c "ssh -f -D @2 h \'sleep 30\' >/dev/null 2>&1; python3 $TOOLS/net.py socks @2 @1"'),
            ('RD', py + 'serve 1 sh -c "ssh -f -R @2 h \'sleep 30\' >/dev/null 2>&1; python3 $TOOLS/net.py socks @2 @1"'),
            ('W', py + 'serve 1 sh -c "ssh -W 127.0.0.1:@1 h </dev/null"'),
            ('Wrefused', 'ssh -W 127.0.0.1:1 h </dev/null'), ('Wname', 'ssh -W nosuch.invalid:80 h </dev/null'),
            ('Lbusy', py + 'serve 1 sh -c "ssh -o ExitOnForwardFailure=yes -L @1:127.0.0.1:9 h echo x"'),
            ('Lbusyno', py + 'serve 1 sh -c "ssh -L @1:127.0.0.1:9 h echo x"'),
            ('Rbusy', py + 'serve 1 sh -c "ssh -o ExitOnForwardFailure=yes -R @1:127.0.0.1:9 h echo x"'),
            ('Rbusyno', py + 'serve 1 sh -c "ssh -R @1:127.0.0.1:9 h echo x"'),
            ('R0', 'ssh -R 0:127.0.0.1:9 h echo x'),
            ('Lrefused', py + 'free sh -c "ssh -f -L @2:127.0.0.1:1 h \'sleep 30\'  >/dev/null; python3 $TOOLS/net.py fetch @2"'),
            ('J', 'ssh -J h1 h echo jumped'), ('Jtwice', 'ssh -J h1,h2 h echo jumped'), ('Jfail', 'ssh -J nosuch.invalid h echo x'),
            ('Jscp', 'scp -J h1 big h:tgt; scp -J h1 h:big tgt'), ('Jsftp', 'printf "put big tgt/\\nget d/one tgt/\\n" | sftp -J h1 -b - h'),
            ('Jself', 'ssh -J none h echo x'), ('tcp', 'ssh h echo x; scp big h:tgt; scp h:big tgt; scp -r h:d tgt'),
            ('keyscan', 'ssh-keyscan -t ed25519 -p $(sed -n "s/^Port //p" $T/ssh_config) 127.0.0.1 2>/dev/null | cut -c1-30'),
            ('conn', 'ssh h "echo \\$SSH_CONNECTION | cut -d\\  -f1,3"'), ('P', 'scp -P $(sed -n "s/^Port //p" $T/ssh_config) f h:tgt')):
        add('forward/' + name, cmd, tcp=True, background=True,
            norm=((r'\b[0-9]{4,5}\b', 'N'),))
    for name, conf in (('denied', 'AllowTcpForwarding no'), ('open', 'PermitOpen 127.0.0.1:1'),
                       ('listen', 'PermitListen none'), ('disabled', 'DisableForwarding yes')):
        add('forward/%s' % name, 'ssh -W 127.0.0.1:9 h </dev/null; '
            'ssh -o ExitOnForwardFailure=yes -R 0:127.0.0.1:9 h echo x', server=conf,
            norm=((r'\b[0-9]{4,5}\b', 'N'),))
    # One connection for many.
    m = 'ssh -o ControlMaster=yes -o ControlPersist=60 -o ControlPath=$T/cm '
    s = 'ssh -o ControlPath=$T/cm '
    cp = '-o ControlPath=$T/cm '
    for name, cmd in (
            ('check', s + '-O check h'), ('exit', s + '-O exit h; ' + s + '-O check h'),
            ('stop', s + '-O stop h; ' + s + '-O check h'), ('session', s + 'h "echo x; exit 6"'),
            ('stdin', s + 'h cat <big | cmp - big && echo same'), ('tt', s + '-tt h "tty >/dev/null && echo tty"'),
            ('forward', s + '-O forward -L $T/fw:127.0.0.1:1 h; ls $T | grep fw; ' + s + '-O cancel -L $T/fw:127.0.0.1:1 h'),
            ('forwardR', s + '-O forward -R 0:127.0.0.1:9 h'), ('cancelbad', s + '-O cancel -L 9:h:9 h'), ('nope', s + '-O nope h'),
            ('proxy', s + '-O proxy h echo x'), ('conninfo', s + '-O conninfo h'), ('channels', s + '-O channels h'), ('W', s + '-W 127.0.0.1:1 h </dev/null'),
            ('scp', 'scp %s f h:tgt; scp %s h:g tgt; scp %s -r d h:tgt' % (cp, cp, cp)), ('scpbig', 'scp %s big h:tgt; scp %s h:big tgt' % (cp, cp)),
            ('sftp', 'printf "ls f\\nget d/one tgt/\\nput g tgt/\\n" | sftp %s -b - h' % cp), ('N', 'timeout 2 ' + s + '-N h; echo $?'),
            ('killed', 'kill -9 $(cat $T/sshd.pid); sleep 0.5; ' + s + 'h echo again'), ('auto', 'ssh -o ControlMaster=auto ' + cp + 'h echo x'),
            ('yes', 'ssh -o ControlMaster=yes ' + cp + 'h echo x'), ('signal', s + 'h "kill -9 \\$\\$"'), ('err', s + 'h "echo e >&2; exit 2"'),
            ('env', 'A=b ' + s + '-o SendEnv=A h env | grep -c ^A='), ('f', s + '-f h "sleep 0.2; echo later"; sleep 1'),
            ('n', s + '-n h cat'), ('long', s + 'h cat big | cmp - ../r/big && echo same')):
        add('mux/' + name, m + '-N -f h; ' + cmd + '; r=$?; ' + s + '-O exit h >/dev/null 2>&1; exit $r',
            background=True, norm=((r'pid=[0-9]+', 'pid=N'), (r'\b[0-9]{4,5}\b', 'N')))
    add('mux/none', s + '-O check h', pairs=CLIENT)
    add('mux/stale', 'python3 -c "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])" $T/cm; ' + s + 'h echo x')
    # At a terminal.
    t = 'python3 $TOOLS/term.py '
    # Echo of what was typed before sftp asked stands twice.
    nl = ((r'[^\r\n]* ETA\r?', ''), (r'\r', ''),
          (r'^(ls|pwd|bye|exit|get|put|progress)\b.*\n', ''),
          (r' *100% .*', ' 100%'), (r'^client_loop: send disc.*\n', ''), (r'^(ready )+', 'ready '),
          (r'ED25519 key fingerprint is .*', 'fingerprint'),
          (r'[0-9.]+[KMG]?B/s', 'RATE'), (r'[0-9][0-9]:[0-9][0-9]( ETA)?', 'TIME'))
    for name, args in (
            ('shell', "'ssh h' 'ready ' 'echo $((40+2))\\r' '42' 'exit 3\\r'"),
            ('dot', "'ssh h' 'ready ' '\\r~.'"),
            ('help', "'ssh h' 'ready ' '\\r~?' 'escapes' '' '' 'exit\\r'"),
            ('list', "'ssh h' 'ready ' '\\r~#' 'session' '' '' 'exit\\r'"),
            ('tilde', "'ssh -e % h' 'ready ' '\\r%.'"), ('none', "'ssh -e none h' 'ready ' 'echo ~.\\r' '~.' 'exit 4\\r'"),
            ('twotilde', "'ssh -tt h cat' '' 'x\\r~~y\\r' '~y' '\\x04'"), ('intr', "'ssh -t h sleep 20' '' '\\x03'"),
            ('intrloop', "'ssh -t h \"trap \\'echo got; exit 5\\' INT; echo go; sleep 20 & wait\"' 'go' '\\x03'"),
            ('command', "'ssh h' 'ready ' '\\r~C' 'ssh> |disabled|ready' '\\r' '' 'exit\\r'"),
            ('rekey', "'ssh h' 'ready ' '\\r~R' '' 'echo $((40+2))\\r' '42' 'exit\\r'"),
            ('brk', "'ssh h' 'ready ' '\\r~B' '' 'echo $((40+2))\\r' '42' 'exit\\r'"),
            ('verbose', "'ssh h' 'ready ' '\\r~V~V~V' '' 'exit\\r'"),
            ('yes', "'ssh -o UserKnownHostsFile=$T/kh2 h echo in' 'yes/no' 'yes\\r'"),
            ('no', "'ssh -o UserKnownHostsFile=$T/kh2 h echo in' 'yes/no' 'no\\r'"),
            ('what', "'ssh -o UserKnownHostsFile=$T/kh2 h echo in' 'yes/no' 'what\\r' 'Please type' 'no\\r'"),
            ('scpyes', "'scp -o UserKnownHostsFile=$T/kh2 f h:tgt' 'yes/no' 'yes\\r'"),
            ('password', "'ssh -o PubkeyAuthentication=no h true' 'password:' 'x\\r' 'password:' 'y\\r' 'password:' 'z\\r'"),
            ('eof', "'ssh h' 'ready ' '\\x04'"), ('scpq', "'scp -q f h:tgt'"), ('scpdown', "'scp h:big tgt'"),
            ('scpempty', "'scp e h:tgt'"), ('scpmiss', "'scp nope h:tgt'"), ('sftp', "'sftp h' 'sftp> ' 'ls d\\r' 'sftp> ' 'pwd\\r' 'sftp> ' 'bye\\r'"),
            ('sftpget', "'sftp h' 'sftp> ' 'get f tgt/\\r' 'sftp> ' 'get nope\\r' 'sftp> ' 'bye\\r'"),
            ('sftpput', "'sftp h' 'sftp> ' 'put f tgt/\\r' 'sftp> ' 'put nope\\r' 'sftp> ' 'exit\\r'"),
            ('sftpdir', "'sftp h' 'sftp> ' 'get -r d tgt/\\r' 'sftp> ' 'put -r d tgt/\\r' 'sftp> ' 'exit\\r'"),
            ('sftpint', "'sftp h' 'sftp> ' '\\x03' '' 'bye\\r'"), ('sftpeof', "'sftp h' 'sftp> ' '\\x04'"),
            ('sftpglob', "'sftp h' 'sftp> ' 'get m* tgt/\\r' 'sftp> ' 'bye\\r'"),
            ('sftpprog', "'sftp h' 'sftp> ' 'progress\\r' 'sftp> ' 'get m* tgt/\\r' 'sftp> ' 'bye\\r'")):
        add('pty/' + name, t + args, norm=nl + ((r'\(\d+ bytes? .*', 'N'), (r'SHA256:\S+', 'X')))


# ---------------------------------------------------------------------------
# What ends before it should

def cuts():
    # The copy goes slowly until some of it is there: cut.sh.
    slow = '-l 400'
    for name, sig, who in (('kill-server', 'KILL', 'server'), ('int', 'INT', 'client'),
                           ('term', 'TERM', 'client')):
        for what, file, other, cmd in (
                ('up', 'r/tgt/big', 'l/big', 'scp %s big h:tgt' % slow),
                ('O-up', 'r/tgt/big', 'l/big', 'scp -O %s big h:tgt' % slow),
                ('sftp-put', 'r/tgt/big', 'l/big', 'sftp %s -b b h' % slow)):
            script = 'put big tgt/big\nls f\n'
            add('cut/%s-%s' % (name, what),
                'printf %s >b; sh $TOOLS/cut.sh %s %s $D/%s %s' % (
                    q(script.replace('\n', '\\n')), who, sig, file, cmd),
                partial={file: other}, background=True)


def table():
    del cases[:]
    about()
    scp_one()
    scp_targets()
    scp_before()
    scp_more()
    servers()
    sftp()
    ssh()
    cuts()
    count = {}
    for c in cases:
        c.brief = c.quick
        if c.quick is None:
            group = c.name.split('/')[0]
            n = count.get(group, 0)
            count[group] = n + 1
            c.quick = n % 8 == 0
            c.brief = n % 12 == 0
    return cases
