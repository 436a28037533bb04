# SPDX-License-Identifier: ISC
#
# NoneSwitch allows by name what may be asked for on a switched connection
# (hpn-none.c).  A base that knows a name which is not there has something new
# that somebody has to judge: this reads the names out of its source.
#
# Nor may a line change unseen that our pages hang on: the build fails then.
#
# usage: make t-exec LTESTS=hpn-none-names

tid="hpn cleartext: names of the base"

. $SRC/hpn-lib

NAMES=$OBJ/hpn-names
SOURCE=$SRC/..
if test ! -f $SOURCE/serverloop.c; then
	# The scripts may be a copy; the Makefile beside ssh knows the tree
	_dir=`dirname "\`readlink -f $REAL_SSH\`"`
	SOURCE=`sed -n 's/^srcdir=//p' $_dir/Makefile 2>/dev/null`
	case $SOURCE in
	/*)	;;
	*)	SOURCE=$_dir/$SOURCE ;;
	esac
fi
test -f $SOURCE/serverloop.c || skip "the base's source is not here"

# Never sent: what a -D listener's channels are called until it is known where to
INTERNAL="CHANNEL dynamic-tcpip"

# names_of DIR: what the source there compares a peer's wish with, and what it
# asks for itself: lines of a kind and a name.  The kinds are those of
# hpn-none.h.
names_of ()
{
	cat $1/serverloop.c $1/clientloop.c $1/session.c $1/channels.c \
	    $1/nchan.c $1/mux.c $1/ssh.c | awk '
	# the first string of a text
	function first(text) {
		if (match(text, /"[^"]*"/))
			return substr(text, RSTART + 1, RLENGTH - 2)
		return ""
	}
	function found(kind, name) {
		if (name != "")
			print kind, name
	}
	# a function begins: what it looks at is one kind
	/^[a-z_]*\(/ {
		name = $0
		sub(/\(.*/, "", name)
		kind = "UNKNOWN"
		if (name ~ /global_request|channel_proxy/)
			kind = "GLOBAL"
		else if (name ~ /channel_open$|request_forwarded/)
			kind = "CHANNEL"
		else if (name ~ /channel_req$/)
			kind = "REQUEST"
	}
	# what comes from the peer: rtype, ctype
	/strn?(case)?cmp\((rtype|ctype|reqtype|req|type),/ {
		rest = $0
		while (match(rest, /strn?(case)?cmp\((rtype|ctype|reqtype|req|type),[^"]*"[^"]*"/)) {
			hit = substr(rest, RSTART, RLENGTH)
			rest = substr(rest, RSTART + RLENGTH)
			found(kind == "UNKNOWN" && hit ~ /ctype/ ? "CHANNEL" : kind,
			    first(hit))
		}
	}
	# what is asked for; the string may be on the next line
	/channel_request_start\(/	{ want = "REQUEST"; text = "" }
	/sshpkt_start\(ssh, SSH2_MSG_CHANNEL_REQUEST/ { want = "REQUEST"; text = "" }
	/sshpkt_start\(ssh, SSH2_MSG_GLOBAL_REQUEST/ { want = "GLOBAL"; text = "" }
	/sshpkt_start\(ssh, SSH2_MSG_CHANNEL_OPEN\)/ { want = "CHANNEL"; text = "" }
	/open_preamble\(/		{ want = "CHANNEL"; text = "" }
	/rtype = "/			{ found("CHANNEL", first($0)) }
	want != "" {
		text = text " " $0
		if (/"/ || /;/) {
			s = text
			while ((name = first(s)) != "") {
				sub(/"[^"]*"/, "", s)
				if (name ~ /^[a-z0-9][a-z0-9-]*(@[a-z.]*)?$/)
					found(want, name)
			}
		}
		if (/;/)
			want = ""
		if (/"/ && want != "")
			want = ""
	}' | sort -u | grep -vx "$INTERNAL"
}

# unknown NAMES: those of them that hpn-none.c does not classify.
unknown ()
{
	while read -r _kind _name; do
		case $_kind in
		UNKNOWN)	grep "^	{ \"$_name\", " $SOURCE/hpn-none.c ;;
		*)	grep "^	{ \"$_name\", HPN_NONE_$_kind, " \
			    $SOURCE/hpn-none.c ;;
		esac >/dev/null || echo "$_kind $_name"
	done <$1
}

verbose "the base's names"
names_of $SOURCE >$NAMES
verbose "`wc -l <$NAMES` names"
unknown $NAMES >$OBJ/hpn-names.unknown
test ! -s $OBJ/hpn-names.unknown || \
    fail "hpn-none.c does not say whether these may be in the clear: `tr '\n' ';' <$OBJ/hpn-names.unknown`"
# That it finds them: of each kind and from each end
while read -r name; do
	grep -x "$name" $NAMES >/dev/null || fail "did not find $name"
done <<'EOD'
CHANNEL session
CHANNEL direct-tcpip
CHANNEL direct-streamlocal@openssh.com
CHANNEL forwarded-tcpip
CHANNEL tun@openssh.com
CHANNEL x11
CHANNEL auth-agent@openssh.com
REQUEST pty-req
REQUEST x11-req
REQUEST auth-agent-req@openssh.com
REQUEST env
REQUEST eow@openssh.com
REQUEST exit-signal
REQUEST keepalive@openssh.com
GLOBAL tcpip-forward
GLOBAL no-more-sessions@openssh.com
GLOBAL hostkeys-00@openssh.com
GLOBAL hostkeys-prove-00@openssh.com
GLOBAL keepalive@openssh.com
EOD

verbose "a base with a new one"
mkdir -p $OBJ/hpn-names.d
while IFS='|' read -r file before line kind name; do
	for f in serverloop clientloop session channels nchan mux ssh; do
		cp $SOURCE/$f.c $OBJ/hpn-names.d/$f.c
	done
	awk -v before="$before" -v line="$line" '
	    index($0, before) && !n++ { print line } { print }' \
	    $SOURCE/$file >$OBJ/hpn-names.d/$file
	names_of $OBJ/hpn-names.d >$NAMES
	unknown $NAMES >$OBJ/hpn-names.unknown
	test "`cat $OBJ/hpn-names.unknown`" = "$kind $name" || \
	    fail "$file, $name: says `cat $OBJ/hpn-names.unknown`"
done <<'EOD'
session.c|strcmp(rtype, "exec")|	if (strcmp(rtype, "key-req") == 0) {|REQUEST|key-req
serverloop.c|strcmp(ctype, "direct-tcpip")|	} else if (strcmp(ctype, "disk@openssh.com") == 0) {|CHANNEL|disk@openssh.com
serverloop.c|strcmp(rtype, "cancel-tcpip-forward")|	} else if (strcmp(rtype, "reboot") == 0) {|GLOBAL|reboot
serverloop.c|strcmp(rtype, "eow@openssh.com")|	if (!strcmp(rtype, "eoi")) {|REQUEST|eoi
clientloop.c|strcmp(ctype, "x11")|	} else if (strcmp(ctype, "new-x") == 0) {|CHANNEL|new-x
clientloop.c|strcmp(rtype, "hostkeys-00@openssh.com")|	if (strcmp(rtype, "hostkeys-01@openssh.com") == 0)|GLOBAL|hostkeys-01@openssh.com
clientloop.c|channel_request_start(ssh, id, "pty-req", 1);|		channel_request_start(ssh, id, "vt-req", 1);|REQUEST|vt-req
EOD
rm -rf $OBJ/hpn-names.d $NAMES $OBJ/hpn-names.unknown

# merge LINE: a page of three lines, and this in its .hpn
PAGES=$OBJ/hpn-pages
merge ()
{
	rm -rf $PAGES
	mkdir $PAGES
	printf 'one\ntwo\nthree\n' >$PAGES/page.1
	printf '%s\nours\n' "$1" >$PAGES/page.1.hpn
	sh $SOURCE/hpn-manual.sh awk cat $PAGES/page.1 >$PAGES/out \
	    2>$PAGES/err
}

verbose "$tid: lines that our pages hang on"
merge "@after two" || fail "@after: `cat $PAGES/err`"
test "`echo \`cat $PAGES/out\``" = "one two ours three" ||
    fail "@after: `cat $PAGES/out`"
for line in "@after four" "@before four" "@replace four" "@drop four" \
    "@behind two"; do
	merge "$line" && fail "$line: the page is made all the same"
	test -s $PAGES/out && fail "$line: half a page: `cat $PAGES/out`"
	grep 'page.1.hpn: .*\(four\|behind\)' $PAGES/err >/dev/null ||
	    fail "$line: not named: `cat $PAGES/err`"
done

# ... and what makes all of it stops there
_dir=`dirname "\`readlink -f $REAL_SSH\`"`
if test -f $_dir/Makefile && test -f $SOURCE/hpn.mk; then
	cp $SOURCE/hpn.mk $SOURCE/hpn-manual.sh $PAGES
	printf '%s\nours\n' "@after four" >$PAGES/page.1.hpn
	# The one that is wrong is not the last
	echo one >$PAGES/page.2
	: >$PAGES/page.2.hpn
	(
		unset MAKEFLAGS MFLAGS MAKELEVEL
		make -s -C $_dir srcdir=$PAGES VPATH=$PAGES \
		    HPN_MERGED="page.1 page.2" hpn-merged
	) >$PAGES/out 2>&1 && fail "the build goes on: `cat $PAGES/out`"
	grep 'page.1.hpn: no such line: four' $PAGES/out >/dev/null ||
	    fail "the build does not say why: `cat $PAGES/out`"
else
	echo "$tid (skipped: whether the build stops: no Makefile beside ssh)"
fi
rm -rf $PAGES
