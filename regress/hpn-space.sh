# SPDX-License-Identifier: ISC
#
# No space at the destination: -X nospace of scp, and what -X status=detailed and
# dryrun say of it.  Up and down, with our server, a stock one, and one that lies.
#
# usage: make t-exec LTESTS=hpn-space

tid="hpn space"

WISH=hpn-space
. $SRC/hpn-wish-lib

# A server that has not ended yet may keep it busy
trap 'umount -l $TO 2>/dev/null; rm -f $OUT' EXIT

# A server that has always failed, or does so, for a while
badly ()
{
	printf '#!/bin/sh\nexec %s -f "%s"\n' $OBJ/hpn-badsftp "$1" >$T/server
	chmod +x $T/server
	server=$T/server
}

head -c 5000000 /dev/urandom >$FROM/large
mkdir -p $FROM/many/sub
for i in 1 2 3 4 5 6 7 8 9; do
	head -c 50000 /dev/urandom >$FROM/many/$i
	head -c ${i}00000 /dev/urandom >$FROM/many/sub/$i
done

# A status is that of a full disk, or may be, or is none
way=up
for case in 4:1:perhaps 14:252:"no space for" 3:1:; do
	what="status ${case%%:*}"
	badly write:*:status=${case%%:*}:5
	want=${case#*:}
	copy -X nospace=1 -X status=detailed large
	is ${want%%:*}
	if test -n "${want#*:}"; then
		says "${want#*:}.*waiting, at most 1 second"
	else
		grep waiting $OUT >/dev/null && fail "$what: it waits"
	fi
	copy large
	is 1
	grep waiting $OUT >/dev/null && fail "$what: it waits unasked"
	rm -f $TO/large
done

if test "`id -u`" != 0 ||
    ! mount -t tmpfs -o size=2m tmpfs $TO 2>/dev/null; then
	echo "$tid (skipped: a full disk: no root or no mount)"
	servers=
fi
for server in $servers; do
	who_is
	for way in up down; do
		verbose "$who, $way"
		what="$who, $way, full"
		copy -X dryrun=yes -X status=detailed large
		is 252
		says "are free: too few"
		copy -X status=detailed large
		is 252
		copy large
		is 1
		rm -f $TO/large
		what="$who, $way, it stays full"
		copy -X nospace=1 -X status=detailed large
		is 252
		says "waiting, at most 1 second"
		rm -f $TO/large
		# Somebody makes space while scp waits
		for opts in "" "-Z -p" "-X verify=yes -X sparse=yes"; do
			what="$who, $way, space comes, $opts"
			: >$OUT
			(
				i=0
				until grep "waiting, at most" $OUT >/dev/null ||
				    test $i -gt 600; do
					sleep 0.1
					i=`expr $i + 1`
				done
				mount -o remount,size=12m $TO
			) &
			maker=$!
			copy -r $opts -X nospace=`hpn_times 60` many
			is 0
			kill $maker 2>/dev/null
			wait $maker 2>/dev/null
			says "there is space again"
			diff -r $FROM/many $TO/many >$OUT ||
			    fail "$what: `cat $OUT`"
			rm -rf $TO/many
			mount -o remount,size=2m $TO
		done
	done
done
