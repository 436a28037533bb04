# SPDX-License-Identifier: ISC
#
# ssh connects to other people's servers as it does without HPNFastConnect: the
# same keys, in the same order as far as a server tells, the same end, and each
# command runs as often: once, or not at all.
#
# usage: make t-exec LTESTS=hpn-servers
#
# Tried are those of Debian's packages dropbear-bin, openssh-server (as
# TEST_SSH_OLDER_SSHD), python3-paramiko, python3-asyncssh, python3-twisted, libssh-4
# and erlang-ssh.  One that is not there is named and left out.

tid="hpn other servers"

. $SRC/hpn-lib

CONF=$OBJ/hpn-servers.conf
RAN=$OBJ/hpn-ran
SAID=$OBJ/hpn-servers.said
KEYS=$OBJ/hpn-servers-keys
LOG=$OBJ/hpn-servers.log
MOST=`hpn_times 60`
tried=0
unset SSH_AUTH_SOCK DISPLAY

for key in user host rsa six.1 six.2 six.3 six.4 six.5; do
	rm -f $OBJ/hpn-key.$key*
	_type=ed25519
	case $key in host|rsa) _type="rsa -m PEM" ;; esac
	$SSHKEYGEN -q -t $_type -N '' -C $key -f $OBJ/hpn-key.$key || \
	    fatal "ssh-keygen"
done
cat $OBJ/hpn-key.user.pub $OBJ/hpn-key.rsa.pub >$KEYS
echo "host `cut -d' ' -f1,2 $OBJ/hpn-key.host.pub`" >$OBJ/hpn-servers-known
printf '#!/bin/sh\necho secret\n' >$OBJ/hpn-askpass.sh
chmod 755 $OBJ/hpn-askpass.sh
SSH_ASKPASS=$OBJ/hpn-askpass.sh SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
(
	echo "Host *"
	echo "Hostname 127.0.0.1"
	echo "HostKeyAlias host"
	echo "UserKnownHostsFile $OBJ/hpn-servers-known"
	echo "GlobalKnownHostsFile none"
	echo "StrictHostKeyChecking yes"
	echo "IdentitiesOnly yes"
	echo "NumberOfPasswordPrompts 1"
	echo "HostKeyAlgorithms +ssh-rsa"
	echo "PubkeyAcceptedAlgorithms +ssh-rsa"
) >$CONF

# go WHO WHAT OPTION...: with and without hurry, and with a guess that this server
# has never been seen to take: the same comes of all.
go ()
{
	_who=$1 _what=$2
	shift; shift
	for _fast in no yes guess; do
		rm -f $RAN $OBJ/hpn-servers-known.hpn-guess
		test $_fast = guess && \
		    $SSHKEYGEN -l -f $OBJ/hpn-key.host.pub | cut -d' ' -f2 \
		    >$OBJ/hpn-servers-known.hpn-guess
		hpn_forget
		timeout $MOST $SSH -v -F $CONF \
		    -o HPNFastConnect=`echo $_fast | sed 's/guess/yes/'` \
		    -E $HPN_LOG_CLIENT -p $port "$@" host "echo >>$RAN" \
		    </dev/null >/dev/null 2>&1
		(
			echo "exit status $?"
			echo "`cat $RAN 2>/dev/null | wc -l` commands ran"
			sed -n -e 's/^debug1: \(Offering\|Server accepts\|Trying\)/\1/p' \
			    -e 's/^Authenticated to .* using/with/p' \
			    -e 's/^debug1: .* \(with the request for methods\): /Offering public key: /p' \
			    $HPN_LOG_CLIENT | sed 's/ [A-Z0-9]* SHA256:.*//'
		) >$SAID.$_fast
	done
	for _fast in yes guess; do
		cmp -s $SAID.no $SAID.$_fast || fail "$_who, $_what, $_fast: \
		    `diff $SAID.no $SAID.$_fast; tail -n 3 $HPN_LOG_CLIENT`"
	done
	grep "with the identification" $HPN_LOG_CLIENT >/dev/null || \
	    fail "$_who, $_what: no guess"
	if grep "connecting once more" $HPN_LOG_CLIENT >/dev/null; then
		_what="$_what, a second connection"
	fi
	verbose "$_who, $_what: `head -n 2 $SAID.yes | tr '\n' ' '`"
}

# let_in: the last command ran, once.
let_in ()
{
	head -n 2 $SAID.yes | tr '\n' ' ' | \
	    grep "^exit status 0 1 commands ran" >/dev/null || \
		fail "$_who, $_what: `head -n 2 $SAID.yes`"
}

kept_out ()
{
	head -n 2 $SAID.yes | tr '\n' ' ' | \
	    grep "^exit status 255 0 commands ran" >/dev/null || \
		fail "$_who, $_what: `head -n 2 $SAID.yes`"
}

# all WHO [password]: what is tried of each.
all ()
{
	tried=`expr $tried + 1`
	_six=
	for i in 1 2 3 4 5; do
		_six="$_six -i $OBJ/hpn-key.six.$i"
	done
	go $1 "key" -i $OBJ/hpn-key.user -o BatchMode=yes
	let_in
	go $1 "RSA key" -i $OBJ/hpn-key.rsa -o BatchMode=yes
	go $1 "no key that fits" -i $OBJ/hpn-key.six.1 -o BatchMode=yes
	kept_out
	go $1 "six keys" $_six -i $OBJ/hpn-key.user -o BatchMode=yes
	go $1 "terminal" -tt -i $OBJ/hpn-key.user -o BatchMode=yes
	test "x$2" = x && return
	go $1 "password" -o IdentityFile=none \
	    -o PreferredAuthentications=publickey,password
	let_in
	go $1 "password after a key" -i $OBJ/hpn-key.six.1 \
	    -o PreferredAuthentications=publickey,password
	let_in
}

# start NAME READY COMMAND...: a server, until it says READY.
start ()
{
	_name=$1 _ready=$2
	shift; shift
	rm -f $LOG
	"$@" </dev/null >$LOG 2>&1 &
	echo $! >$OBJ/hpn-$_name.pid
	_i=0
	until grep "$_ready" $LOG >/dev/null 2>&1; do
		sleep 0.2
		_i=`expr $_i + 1`
		if test $_i -gt `hpn_times 100` || ! kill -0 `cat $OBJ/hpn-$_name.pid`
		then
			fail "$_name does not start: `tail -n 3 $LOG`"
			return 1
		fi
	done
}

port=`expr $PORT + 1`
why=`hpn_private_missing`

# Without home and folders of its own a packaged server does not start.
if test ! -x "$TEST_SSH_OLDER_SSHD"; then
	verbose "left out: an older sshd: TEST_SSH_OLDER_SSHD is not set"
elif test -n "$why"; then
	verbose "left out: an older sshd: $why"
else
	cat >$OBJ/hpn-old-config <<-EOD
	Port $port
	ListenAddress 127.0.0.1
	HostKey $OBJ/hpn-key.host
	AuthorizedKeysFile $KEYS
	StrictModes no
	PidFile none
	PermitRootLogin yes
	MaxAuthTries 6
	EOD
	start old "listening" `hpn_private $TEST_SSH_OLDER_SSHD` -D -e \
	    -f $OBJ/hpn-old-config && all sshd
	hpn_stop old
fi

DROPBEAR=${DROPBEAR:-`command -v dropbear`}
DROPBEARCONVERT=${DROPBEARCONVERT:-`command -v dropbearconvert`}
port=`expr $port + 1`
if test ! -x "$DROPBEAR" -o ! -x "$DROPBEARCONVERT"; then
	verbose "left out: dropbear is not installed"
elif test -n "$why"; then
	verbose "left out: dropbear: $why"
else
	rm -f $OBJ/hpn-dropbear-key
	$DROPBEARCONVERT openssh dropbear $OBJ/hpn-key.host \
	    $OBJ/hpn-dropbear-key >/dev/null 2>&1
	_run=`hpn_private $DROPBEAR`
	cp $KEYS $OBJ/hpn-home/.ssh/authorized_keys
	start dropbear "Not backgrounding" $_run -F -E -m \
	    -P $OBJ/hpn-dropbear.own -r $OBJ/hpn-dropbear-key \
	    -p 127.0.0.1:$port && all dropbear
	hpn_stop dropbear
fi

# python MODULE: its python3, in $PYTHON; says so if there is none.
python ()
{
	PYTHON=
	for _p in python3 /usr/bin/python3; do
		test -z "$PYTHON" && $_p -W ignore -c "import $1" 2>/dev/null && \
		    PYTHON="$_p -W ignore"
	done
	test -n "$PYTHON" && return
	verbose "left out: python3 with $1 is not installed"
	return 1
}

cat >$OBJ/hpn-servers.py <<'EOD'
# A server on a port: which, port, host key, keys that are let in, file to which
# each command adds a line.
import base64, ctypes, os, socket, sys, threading

which, port, host_key, authorized, ran = sys.argv[1:]
port = int(port)
with open(authorized) as f:
    keys = [line.split()[1] for line in f]


def command(line):
    with open(ran, "a") as f:
        f.write("%s\n" % (line,))


def with_paramiko():
    import paramiko

    class Login(paramiko.ServerInterface):
        def check_auth_publickey(self, user, key):
            return (paramiko.AUTH_SUCCESSFUL if key.get_base64() in keys
                    else paramiko.AUTH_FAILED)

        def check_auth_password(self, user, password):
            return (paramiko.AUTH_SUCCESSFUL if password == "secret"
                    else paramiko.AUTH_FAILED)

        def get_allowed_auths(self, user):
            return "publickey,password"

        def check_channel_request(self, kind, chanid):
            return paramiko.OPEN_SUCCEEDED

        def check_channel_pty_request(self, *args):
            return True

        def check_channel_exec_request(self, channel, line):
            def run():
                command(line)
                channel.send_exit_status(0)
                channel.close()
            threading.Timer(0.1, run).start()
            return True

    key = paramiko.RSAKey.from_private_key_file(host_key)
    listener = socket.create_server(("127.0.0.1", port))
    print("listening", flush=True)
    while True:
        transport = paramiko.Transport(listener.accept()[0])
        transport.add_server_key(key)
        transport.start_server(server=Login(), event=threading.Event())


def with_asyncssh():
    import asyncio
    import asyncssh

    class Login(asyncssh.SSHServer):
        def password_auth_supported(self):
            return True

        def validate_password(self, user, password):
            return password == "secret"

    def process(p):
        command(p.command)
        p.exit(0)

    async def main():
        await asyncssh.create_server(
            Login, "127.0.0.1", port, server_host_keys=[host_key],
            authorized_client_keys=authorized, process_factory=process)
        print("listening", flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


def with_twisted():
    from twisted.conch import avatar, interfaces
    from twisted.conch.checkers import (InMemorySSHKeyDB,
                                        SSHPublicKeyChecker)
    from twisted.conch.ssh import factory, keys as tkeys, session
    from twisted.cred import checkers, portal
    from twisted.internet import reactor
    from zope.interface import implementer

    user = os.environ["LOGNAME"]

    @implementer(interfaces.ISession)
    class Session:
        def __init__(self, avatar):
            pass

        def getPty(self, *args):
            pass

        def windowChanged(self, *args):
            pass

        def execCommand(self, protocol, line):
            command(line)
            protocol.session.conn.sendRequest(
                protocol.session, b"exit-status", b"\0\0\0\0")
            reactor.callLater(0.1, protocol.session.conn.sendClose,
                              protocol.session)

        def eofReceived(self):
            pass

        def closed(self):
            pass

    class Avatar(avatar.ConchUser):
        def __init__(self):
            avatar.ConchUser.__init__(self)
            self.channelLookup[b"session"] = session.SSHSession

    @implementer(portal.IRealm)
    class Realm:
        def requestAvatar(self, name, mind, *which):
            return interfaces.IConchUser, Avatar(), lambda: None

    from twisted.python import components
    components.registerAdapter(Session, Avatar, interfaces.ISession)
    key = tkeys.Key.fromFile(host_key)
    with open(authorized, "rb") as f:
        known = [tkeys.Key.fromString(line) for line in f]
    f = factory.SSHFactory()
    f.publicKeys = {b"ssh-rsa": key.public()}
    f.privateKeys = {b"ssh-rsa": key}
    f.portal = portal.Portal(Realm(), [
        SSHPublicKeyChecker(InMemorySSHKeyDB({user.encode(): known})),
        checkers.InMemoryUsernamePasswordDatabaseDontUse(
            **{user: b"secret"})])
    reactor.listenTCP(port, f, interface="127.0.0.1")
    print("listening", flush=True)
    reactor.run()


def with_libssh():
    lib = ctypes.CDLL("libssh.so.4")
    p, i, s = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    for name, result, arguments in (
            ("ssh_bind_new", p, []),
            ("ssh_bind_options_set", i, [p, i, p]),
            ("ssh_bind_listen", i, [p]),
            ("ssh_bind_accept", i, [p, p]),
            ("ssh_new", p, []),
            ("ssh_handle_key_exchange", i, [p]),
            ("ssh_message_get", p, [p]),
            ("ssh_message_type", i, [p]),
            ("ssh_message_subtype", i, [p]),
            ("ssh_message_free", None, [p]),
            ("ssh_message_reply_default", i, [p]),
            ("ssh_message_auth_password", s, [p]),
            ("ssh_message_auth_pubkey", p, [p]),
            ("ssh_message_auth_publickey_state", i, [p]),
            ("ssh_message_auth_reply_success", i, [p, i]),
            ("ssh_message_auth_reply_pk_ok_simple", i, [p]),
            ("ssh_message_auth_set_methods", i, [p, i]),
            ("ssh_pki_export_pubkey_base64", i, [p, p]),
            ("ssh_message_channel_request_open_reply_accept", p, [p]),
            ("ssh_message_channel_request_command", s, [p]),
            ("ssh_message_channel_request_reply_success", i, [p]),
            ("ssh_channel_request_send_exit_status", i, [p, i]),
            ("ssh_channel_send_eof", i, [p]),
            ("ssh_channel_close", i, [p]),
            ("ssh_disconnect", None, [p]),
            ("ssh_free", None, [p])):
        f = getattr(lib, name)
        f.restype, f.argtypes = result, arguments
    bind = lib.ssh_bind_new()
    # SSH_BIND_OPTIONS_BINDADDR, _BINDPORT_STR, _HOSTKEY
    for option, value in ((0, b"127.0.0.1"), (2, b"%d" % port),
                          (3, host_key.encode())):
        if lib.ssh_bind_options_set(bind, option, value) != 0:
            sys.exit("option %d" % option)
    if lib.ssh_bind_listen(bind) != 0:
        sys.exit("listen")
    print("listening", flush=True)

    def fits(message):
        text = s()
        if lib.ssh_pki_export_pubkey_base64(
                lib.ssh_message_auth_pubkey(message),
                ctypes.byref(text)) != 0:
            return False
        return text.value.decode() in keys

    def serve(ssh):
        channel = None
        if lib.ssh_handle_key_exchange(ssh) != 0:
            return
        while True:
            m = lib.ssh_message_get(ssh)
            if not m:
                break
            kind, sub = lib.ssh_message_type(m), lib.ssh_message_subtype(m)
            done = False
            if kind == 1 and sub == 2:      # password
                if lib.ssh_message_auth_password(m) == b"secret":
                    done = lib.ssh_message_auth_reply_success(m, 0) == 0
            elif kind == 1 and sub == 4:    # public key
                if fits(m):
                    state = lib.ssh_message_auth_publickey_state(m)
                    if state == 0:
                        lib.ssh_message_auth_reply_pk_ok_simple(m)
                        done = True
                    elif state == 1:
                        lib.ssh_message_auth_reply_success(m, 0)
                        done = True
            elif kind == 2:                 # channel
                channel = lib.ssh_message_channel_request_open_reply_accept(m)
                done = True
            elif kind == 3 and sub == 2:    # exec
                command(lib.ssh_message_channel_request_command(m))
                lib.ssh_message_channel_request_reply_success(m)
                lib.ssh_channel_request_send_exit_status(channel, 0)
                lib.ssh_channel_send_eof(channel)
                lib.ssh_channel_close(channel)
                done = True
            elif kind == 3 and sub == 1:    # terminal
                lib.ssh_message_channel_request_reply_success(m)
                done = True
            if not done:
                lib.ssh_message_auth_set_methods(m, 2 | 4)
                lib.ssh_message_reply_default(m)
            lib.ssh_message_free(m)
        lib.ssh_disconnect(ssh)
        lib.ssh_free(ssh)

    while True:
        ssh = lib.ssh_new()
        if lib.ssh_bind_accept(bind, ssh) == 0:
            threading.Thread(target=serve, args=(ssh,), daemon=True).start()


globals()["with_" + which]()
EOD
for module in paramiko asyncssh twisted.conch ctypes; do
	port=`expr $port + 1`
	python $module || continue
	case $module in
	ctypes)
		name=libssh
		$PYTHON -c 'import ctypes; ctypes.CDLL("libssh.so.4")' \
		    2>/dev/null || {
			verbose "left out: libssh is not installed"
			continue
		} ;;
	*)	name=${module%.conch} ;;
	esac
	start $name listening $PYTHON $OBJ/hpn-servers.py $name $port \
	    $OBJ/hpn-key.host $KEYS $RAN && all $name password
	hpn_stop $name
done

port=`expr $port + 1`
if ! command -v erl >/dev/null 2>&1 || ! erl -noshell -eval \
    'ok = ssh:start(), halt(0).' >/dev/null 2>&1; then
	verbose "left out: Erlang's ssh is not installed"
else
	rm -rf $OBJ/hpn-erlang
	mkdir -m 700 $OBJ/hpn-erlang
	cp $OBJ/hpn-key.host $OBJ/hpn-erlang/ssh_host_rsa_key
	cp $KEYS $OBJ/hpn-erlang/authorized_keys
	start erlang listening erl -noinput -noshell -eval "
	    ok = ssh:start(),
	    Run = fun(Line, _User, _Peer) ->
		ok = file:write_file(\"$RAN\", [Line, 10], [append]), {ok, \"\"}
	    end,
	    {ok, _} = ssh:daemon({127,0,0,1}, $port, [
		{system_dir, \"$OBJ/hpn-erlang\"}, {user_dir, \"$OBJ/hpn-erlang\"},
		{password, \"secret\"}, {auth_methods, \"publickey,password\"},
		{exec, {direct, Run}}]),
	    io:format(\"listening~n\")." && all erlang password
	hpn_stop erlang
fi

test $tried -gt 0 || skip "no other server is installed"
rm -rf $OBJ/hpn-key.* $OBJ/hpn-servers* $OBJ/hpn-erlang $OBJ/hpn-old-config \
    $OBJ/hpn-dropbear-key $OBJ/hpn-askpass.sh $RAN $KEYS
