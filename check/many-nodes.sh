#!/bin/bash
# SPDX-License-Identifier: ISC
#
# packaging/many-nodes, with a scp that fails as it is told to, and then with the real
# one on two "nodes": GNU parallel, ssh and sshd on this machine.
#
# usage: check/many-nodes.sh
#
# From the environment: BASE, HPN_STAGE (see lab/common.sh), HPN_SLOWNESS. Exit: 0 all
# passed, 1 something failed. Last line: `N passed, N failed, N skipped`.
# Without fpart, a few lines of awk cut the lists; without parallel, that part is
# skipped.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

NODES=$ROOT/packaging/many-nodes/many-nodes
LIMIT=$((60 * ${HPN_SLOWNESS:-1}))
passed=0 failed=0 skipped=0

verdict() {		# TEXT COMMAND ...
	local text=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		printf 'ok    %s\n' "$text"
	else
		failed=$((failed + 1))
		printf 'FAIL  %s\n' "$text"
		sed 's/^/      /' out 2>/dev/null | tail -n 5
	fi
}

# run STATUS COMMAND ...: it ends with that status; what it says is in "out".
run() {
	local want=$1 status=0
	shift
	timeout "$LIMIT" "$@" >out 2>&1 </dev/null || status=$?
	[ "$status" = "$want" ] || {
		printf 'status %s, not %s\n' "$status" "$want" >>out
		return 1
	}
}

sums() {		# LINE: a line of "sum" begins with it
	run "${2:-0}" "$NODES" sum j && grep -q "^$1" out
}

plan() {		# FILES [SCP]: a new job j
	rm -rf j
	SCP=${2-$work/scp} run 0 "$NODES" plan -f "$1" j from x:/nowhere
}

work_dir check-many-nodes
[ "$(find "$NODES" -perm -u+x)" ] || die "$NODES is not executable"
trap 'jobs -p | xargs -r kill 2>/dev/null || :' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
export MANY_NODES_PAUSE=0 MANY_NODES_WORKERS=1
PATH=$work/bin:$PATH
export HOME="$work" PATH
mkdir bin from from/d from/empty
command -v fpart >/dev/null || {
	echo 'without fpart, which is not installed'
	cat >bin/fpart <<-'END'
	#!/bin/sh
	# fpart -L -a -i - -f FILES -s SIZE -o part, of lines "SIZE NAME"
	exec awk -v f="$6" '{ sub(/^[0-9]+ /, ""); print >"part." int((NR - 1) / f) + 1 }'
	END
	chmod +x bin/fpart
}

# A scp that does what the first line of "orders" says, and drops that line; no line:
# copy. It knows the log and the list, and that it is alone with them.
cat >scp <<'END'
#!/bin/bash
for arg; do
	case $arg in log=*) log=${arg#log=} ;; esac
done
cd "$(dirname "$0")/j"
mkdir "../in-use.${log##*/}" || echo "$log" >>../clashes
read -r order <../orders || order=copy
sed -i 1d ../orders
echo "$order" >>../done-orders
left=$(awk -F '\t' '{ l[$4] = $1 "\t" $2 } END { for (n in l)
    if (l[n] ~ /^(failed|refused)/) print l[n] "\t" n }' "$log" | sort -k 3 | cut -f 2-)
case $order in
dies)	left= status=255 ;;
half)	# ... and its node dies with it
	left=$(printf '%s\n' "$left" | head -n 2)
	status=137 ;;
refuses | fails) status=1 ;;
waits)	trap '' TERM
	echo $$ >../scp.pid
	until [ -e ../go ]; do sleep 0.05; done ;;
esac
word=copied
[ "$order" != refuses ] || word=refused
[ "$order" != fails ] || word=failed
[ -z "$left" ] || printf '%s\n' "$left" | sed "s/^\([0-9]*\)/$word	\1	2026-11-28T12:00:00Z/" >>"$log"
[ "$order" != half ] || printf 'copied\t5\t2026-11-28T12:00:00Z\td/th' >>"$log"
rmdir "../in-use.${log##*/}"
exit "${status:-0}"
END
chmod +x scp

# -- plan
odd=$'new\nline'
printf 1 >"from/$odd"
printf 22 >'from/ two  words '
printf 333 >from/-rf
printf 4444 >from/d/$'tab\tb\\s\001\x7f\xff'
: >from/d/three
deep=from
for i in 1 2 3 4 5 6; do
	deep=$deep/$(printf '%0200d' "$i")
done
mkdir -p "$deep"
printf 55555 >"$deep/x"
ln -s / from/d/root
mkfifo from/d/fifo
verdict 'plan: each regular file is in a list' plan 2
cat j/todo/* | grep -v '^#' | cut -f 2,4 | sort >got
printf '%s\t%s\n' 1 'new\nline' 2 ' two  words ' 3 -rf 4 'd/tab\tb\\s\001\177'$'\xff' \
    0 d/three 5 "${deep#from/}/x" | sort >want
verdict 'plan: names and sizes, written as scp writes them' cmp got want
verdict 'plan: what is no file or folder is named' \
    test "$(tr '\0' '\n' <j/left-out | sort | tr '\n' ' ')" = './d/fifo ./d/root '
verdict 'plan: lists of two' test "$(grep -c ^failed j/todo/0* | cut -d : -f 2 |
    sort -n | tail -n 1)" = 2
verdict 'sum: all of it waits' sums 'waiting  *6 files  *15 bytes' 1
verdict 'plan: an existing job is left alone' run 3 "$NODES" plan j from x:/y
verdict 'plan: nothing copies itself' run 3 "$NODES" plan from/d/j from x:/y
printf '3/a\0' >crawl
printf '3/a/../b\0' >bad
verdict 'plan: a list of names that leads out is refused' \
    run 3 "$NODES" plan -i bad k x:/nowhere down
rm -rf k.new
verdict 'plan: a remote source by a crawl made there' \
    run 0 "$NODES" plan -i crawl k x:/nowhere down

# -- work, with what goes wrong
verdict 'plan' plan 100
mv j/todo/long j/long	# one list only
printf 'dies\nhalf\nfails\nhalf\n' >orders
: >done-orders
verdict 'work goes on until nothing is left' run 0 "$NODES" work j
verdict '... in as few steps as it takes' test "$(tr '\n' ' ' <done-orders)" = \
    'dies half fails half copy '
verdict '... and half a line is nobody' \
    test "$(grep -c 'd/th$' j/done/*)" = 0
verdict 'sum: all of it' sums 'copied  *5 files  *10 bytes'
verdict 'left: nothing' run 0 "$NODES" left j
verdict '... but the first line' test "$(wc -l <out)" = 1
: >done-orders
verdict 'work: nothing to do' run 0 "$NODES" work j
verdict '... so nothing is done' test ! -s done-orders
verdict 'again' run 0 "$NODES" again j
verdict 'sum: all of it waits again' sums 'waiting  *5 files  *10 bytes' 1
printf 'refuses\n%.0s' 1 2 3 4 5 6 7 8 9 >orders
: >done-orders
verdict 'work: what is refused ends it with status 1' run 1 env MANY_NODES_TRIES=3 \
    "$NODES" work j
verdict '... after one attempt' test "$(wc -l <done-orders)" = 1
verdict 'sum: five refused' sums 'refused  *5 files' 1
verdict 'left: they are a list for scp' run 0 "$NODES" left j
verdict '... of five lines' test "$(grep -c ^refused out)" = 5
printf 'dies\n%.0s' 1 2 3 4 5 6 7 8 9 >orders
: >done-orders
verdict 'work: a target that is away is given up' run 1 env MANY_NODES_TRIES=3 \
    "$NODES" work j
verdict '... after three attempts' test "$(wc -l <done-orders)" = 3
: >j/stop
verdict 'work: it stops when told to' run 0 "$NODES" work j
verdict '... before the next list' test "$(wc -l <done-orders)" = 3

# -- two at a time
verdict 'plan' plan 1
echo waits >orders
"$NODES" work j >first 2>&1 &
first=$!
wait_until "$LIMIT" '[ -s scp.pid ]' || :
verdict 'work: a list in work elsewhere is passed over' run 0 "$NODES" work j
verdict '... and said' grep -q '1 are left, 1 of them in work elsewhere' out
# The worker dies; its scp does not, yet.
disown "$first"
kill -KILL "$first"
verdict 'work: so it is while scp lives, if its worker died' run 0 "$NODES" work j
verdict '... the same' grep -q '1 are left, 1 of them in work elsewhere' out
kill -KILL "$(cat scp.pid)"
wait_until "$LIMIT" "! kill -0 $(cat scp.pid) 2>/dev/null" || :
rmdir in-use.*
verdict 'work: then the list is free' run 0 "$NODES" work j
verdict 'sum: all of it' sums 'copied  *6 files  *15 bytes'
plan 1
: >orders
for i in 1 2 3 4; do
	timeout "$LIMIT" "$NODES" work j >"work.$i" 2>&1 &
done
wait
verdict 'four workers at once: no list twice at a time' test ! -e clashes
verdict 'sum: all of it' sums 'copied  *6 files  *15 bytes'

# -- for real, two lists at a time on each node
export MANY_NODES_WORKERS=2
[ -x "$HPN_STAGE/bin/scp" ] || die "$HPN_STAGE is not there: run make build"
cat >sshd_config <<END
HostKey $work/host
AuthorizedKeysFile $work/user.pub
StrictModes no
PermitRootLogin yes
UsePAM $(pam_wanted)
PermitUserRC no
$(stage_lines "$HPN_STAGE")
END
cat >ssh_config <<END
Host dead
	ProxyCommand false
Host *
	User $(id -un)
	HostKeyAlias lab
	ProxyCommand $HPN_STAGE/sbin/sshd -i -f $work/sshd_config
	IdentityFile $work/user
	IdentitiesOnly yes
	UserKnownHostsFile $work/known_hosts
	GlobalKnownHostsFile /dev/null
	StrictHostKeyChecking yes
	BatchMode yes
END
for i in 1 2 3 4 5 6 7 8 9; do
	head -c "$((i * 11111))" /dev/urandom >"from/d/$i"
done
chmod 640 from/d/5
rm -rf j
export SCP="$HPN_STAGE/bin/scp"
verdict 'plan' run 0 "$NODES" plan -f 6 j from "x:$work/to/there" \
    -F "$work/ssh_config" -S "$HPN_STAGE/bin/ssh"
# Half of one file is there, and something else is in the place of another.
mkdir -p to/there/d
head -c 9999 from/d/9 >to/there/d/9
echo other >to/there/d/1
if command -v parallel >/dev/null; then
	export PARALLEL_SSH="$HPN_STAGE/bin/ssh -F $work/ssh_config"
	verdict 'parallel: what differs is left alone, and a dead node is no harm' \
	    run 1 env MANY_NODES_TRIES=1 "$NODES" parallel j n1 n2 dead
	verdict '... and said' grep -q '^refused  *1 files' out
	rm to/there/d/1
	verdict 'parallel: then all of it' run 0 "$NODES" parallel j n1 n2
else
	echo 'skip  GNU parallel is not installed'
	skipped=$((skipped + 1))
	rm to/there/d/1
	verdict 'work' run 0 "$NODES" work j
fi
verdict 'sum: one was continued' sums 'continued  *1 files  *99999 bytes'
rm from/d/root from/d/fifo
rmdir from/empty
verdict 'the copy is the tree' diff -r from to/there
verdict '... with its permissions' test "$(stat -c %a to/there/d/5)" = 640
printf x | dd of=to/there/d/7 bs=1 seek=5000 conv=notrunc status=none
touch -r from/d/7 to/there/d/7
run 0 "$NODES" again j || :
verdict 'again, work: a file that changed is found' run 1 env MANY_NODES_TRIES=1 \
    "$NODES" work j
run 0 "$NODES" left j || :
verdict '... and no other' test "$(cut -f 1,4 out | sed 1d)" = $'refused\td/7'

# -- down: what is there is looked through there
mkdir -p down
(cd from && find . -type f -printf '%s/%P\0') >crawl
rm -rf j
run 0 "$NODES" plan -i crawl j "x:$work/from" down -F "$work/ssh_config" \
    -S "$HPN_STAGE/bin/ssh" || :
verdict 'work: from a remote source' run 0 "$NODES" work j
verdict 'the copy is the tree' diff -r from down

# -- a stock server is the target, and a node dies in the middle
if [ -x "$STOCK_STAGE/sbin/sshd" ]; then
	sed "/^SshdSessionPath/,\$d" sshd_config >stock_config
	stage_lines "$STOCK_STAGE" >>stock_config
	sed "s|^	*ProxyCommand $HPN_STAGE.*|ProxyCommand $STOCK_STAGE/sbin/sshd -i -f $work/stock_config|" \
	    ssh_config >stock_ssh
	head -c 4000000 /dev/urandom >from/d/large
	rm -rf j
	# So slow that there is a middle
	run 0 "$NODES" plan -f 6 j from "x:$work/to/stock" -l 24000 \
	    -F "$work/stock_ssh" -S "$HPN_STAGE/bin/ssh" || :
	mkdir -p to/stock/d
	head -c 9999 from/d/9 >to/stock/d/9
	echo other >to/stock/d/1
	setsid "$NODES" work j >first 2>&1 </dev/null &
	first=$!
	disown "$first"
	wait_until "$LIMIT" '[ -s to/stock/d/large ]' || :
	kill -KILL -- "-$first"
	size=$(stat -c %s to/stock/d/large)
	verdict 'stock target: the node dies in the middle of a file' \
	    test "$size" -gt 0 -a "$size" -lt 4000000
	verdict 'stock target: sum says that something is left' sums '' 1
	verdict 'stock target: what differs is left alone' \
	    run 1 env MANY_NODES_TRIES=2 "$NODES" work j
	verdict '... and is all that is left' sums 'refused  *1 files' 1
	rm to/stock/d/1
	verdict 'stock target: then all of it' run 0 "$NODES" work j
	verdict 'the copy is the tree' diff -r from to/stock
	verdict 'sum: nothing is left' sums 'lists: [0-9]* done, 0 left'
	verdict '... and files were continued' grep -q '^continued  *[1-9]' out
else
	echo "skip  a stock server as the target: no $STOCK_STAGE (make stock)"
	skipped=$((skipped + 1))
fi

printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
