# SPDX-License-Identifier: ISC
#
# -X sparse=yes of scp: holes stay holes, up and down, and nothing else is one.
# With our server, a stock one, and one that says what is not so.
#
# usage: make t-exec LTESTS=hpn-sparse

tid="hpn sparse"

WISH=hpn-sparse
. $SRC/hpn-wish-lib

LIAR=$OBJ/hpn-notyet.so
trap 'rm -f $OUT $LIAR' EXIT

# sparse ARG...: copy $FROM/holes so
sparse ()
{
	copy -X sparse=yes "$@" holes
}

same ()
{
	is 0
	cmp $FROM/holes $TO/holes >$OUT 2>&1 || fail "$what: `cat $OUT`"
}

# How much of a file is on the disk, KiB
holds ()
{
	set -- `du -k $1`
	echo $1
}

# Data in the middle and near the end, which is a hole
truncate -s 5M $FROM/holes
echo data | dd of=$FROM/holes bs=1 seek=2250000 conv=notrunc 2>/dev/null
head -c 5000 /dev/urandom >>$FROM/holes
truncate -s 8M $FROM/holes
ALL=8388608
test `holds $FROM/holes` -lt 1000 || skip "files have no holes here"

for server in $servers; do
	who_is
	for way in up down; do
		verbose "$who, $way"
		for opts in "" -Z "-X verify=yes" "-p -Z"; do
			what="$who, $way, $opts"
			again
			sparse $opts
			same
			test `holds $TO/holes` -lt 1000 ||
			    fail "$what: no holes: `holds $TO/holes` KiB"
			# Zeros have to be written where something else was
			head -c 7000000 $FROM/holes | tr '\0' x >$TO/holes
			sparse $opts -X resume=replace
			same
			# ... behind the end as well
			head -c 9000000 /dev/zero | tr '\0' x >$TO/holes
			sparse $opts -X resume=replace
			same
			# ... and may be there already
			head -c 3000000 $FROM/holes >$TO/holes
			sparse $opts
			same
		done
	done
done

# What the server says of the destination decides whether zeros can be left out
way=up server=$T/server
for fault in "" fstat:*:no-attrs fstat:*:lie-size fstat:*:lie-dir \
    fstat:*:status=4; do
	what="up, ${fault:-as it is}"
	printf '#!/bin/sh\nexec %s -l %s %s %s\n' $OBJ/hpn-badsftp \
	    $T/requests "${fault:+-f}" "'$fault'" | sed "s/''//" >$T/server
	chmod +x $T/server
	again
	: >$T/requests
	sparse
	same
	n=`awk '$1 == "write" { n += $NF } END { print n + 0 }' $T/requests`
	if test -z "$fault"; then
		test $n -lt 1000000 || fail "$what: $n bytes were sent"
	else
		test $n = $ALL || fail "$what: $n bytes were sent, not $ALL"
	fi
done

# It answers in another order, a byte at a time
for way in up down; do
	for opts in "" -Z "-X verify=yes"; do
		what="$way, another order, $opts"
		printf '#!/bin/sh\nexec %s -h 3 -s 7 -R 9000\n' \
		    $OBJ/hpn-badsftp >$T/server
		again
		sparse $opts
		same
	done
done

# A file system that is wrong about its holes: what is compared is found out, and
# no answer of it does other harm
${CC:-cc} -shared -fPIC -o $LIAR $SRC/hpn-notyet.c -ldl >$OUT 2>&1
if test -f $LIAR &&
    LD_PRELOAD=$LIAR $SCP 2>&1 | head -n 1 | grep '^usage' >/dev/null; then
	way=up server=$SFTPSERVER PRELOAD=$LIAR
	for lie in back fail far same; do
		for opts in "" -Z "-X verify=yes"; do
			what="SEEK_DATA lies: $lie, $opts"
			HPN_SEEK=$lie
			export HPN_SEEK
			again
			sparse $opts
			if test $lie != far; then
				same
			elif test -n "$opts"; then
				test $status != 0 ||
				    cmp $FROM/holes $TO/holes >$OUT 2>&1 ||
				    fail "$what: status 0: `cat $OUT`"
			fi
		done
	done
	# It becomes shorter as its holes are looked for
	HPN_SEEK=cut:$FROM/holes
	what="SEEK_DATA, and the file is cut"
	cp --sparse=always $FROM/holes $T/kept
	again
	sparse
	cmp $FROM/holes $TO/holes >$OUT 2>&1 || test $status != 0 ||
	    fail "$what: status 0: `cat $OUT`"
	cp --sparse=always $T/kept $FROM/holes
	unset HPN_SEEK
else
	echo "$tid (skipped: a wrong file system: nothing can be preloaded)"
fi
