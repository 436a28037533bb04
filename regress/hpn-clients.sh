# SPDX-License-Identifier: ISC
#
# Other people's clients bring a file and a tree to our sshd and sftp-server and
# fetch them again: PuTTY's psftp and pscp, dbclient below our sftp, libssh2 through
# curl, paramiko, AsyncSSH, Go's x/crypto through rclone, and lftp, sshfs, rsync
# and git through our ssh.
#
# usage: make t-exec LTESTS=hpn-clients
#
# A client that is not installed is named and left out.

tid="hpn other clients"

. $SRC/hpn-lib

LOCAL=$OBJ/hpn-local
REMOTE=$OBJ/hpn-remote
FETCHED=$OBJ/hpn-fetched
HOMES=$OBJ/hpn-clients
URL=sftp://127.0.0.1:$PORT
KEY=$OBJ/ssh-ed25519
used=0

# run COMMAND...: with a home of its own, and an end.
run ()
{
	env HOME=$HOMES LC_ALL=C timeout `hpn_times 60` "$@" </dev/null >$HOMES/out 2>&1
}

# missing PROGRAM: say so, and whether it is.
missing ()
{
	command -v $1 >/dev/null 2>&1 && return 1
	verbose "$tid: left out: $1 is not installed"
}

begin ()
{
	rm -rf $REMOTE $FETCHED
	mkdir $REMOTE $FETCHED
}

# done_with WHO STATUS WHERE: what is there is what was.
done_with ()
{
	if test $2 -ne 0; then
		tail -n 5 $HOMES/out
		fail "$1: exit status $2"
	elif ! diff -r $LOCAL $3 >$HOMES/diff 2>&1; then
		head -n 5 $HOMES/diff
		fail "$1: data differ"
	else
		verbose "$1: ok"
	fi
}

# both WHO: puts and gets by the functions WHO_put and WHO_get.
both ()
{
	used=`expr $used + 1`
	begin
	$1_put
	done_with "$1, put" $? $REMOTE
	# What is fetched does not depend on what was put.
	rm -rf $REMOTE
	cp -R $LOCAL $REMOTE
	$1_get
	done_with "$1, get" $? $FETCHED
}

rm -rf $LOCAL $HOMES
mkdir -p $LOCAL/tree/sub/deep "$LOCAL/tree/with space" $HOMES/.ssh
hpn_random $LOCAL/file 9
# Not a whole number of any block
printf x >>$LOCAL/file
for i in 1 2 3 4 5 6 7 8; do
	dd if=/dev/urandom of=$LOCAL/tree/$i bs=1000 count=$i 2>/dev/null
	dd if=/dev/urandom of=$LOCAL/tree/sub/$i bs=3333 count=$i 2>/dev/null
	dd if=/dev/urandom of="$LOCAL/tree/with space/a $i" bs=33333 count=$i \
	    2>/dev/null
done
hpn_random $LOCAL/tree/sub/deep/large 1
: >$LOCAL/tree/sub/empty

for t in $SSH_KEYTYPES; do
	echo "[127.0.0.1]:$PORT `cat $OBJ/$t.pub`"
done >$HOMES/.ssh/known_hosts
cat >$HOMES/ssh_config <<EOD
Host target
	HostKeyAlias localhost-with-alias
Host *
	BatchMode yes
	IdentityFile $KEY
	IdentitiesOnly yes
EOD
cat $OBJ/ssh_config >>$HOMES/ssh_config
OUR_SSH="$SSH -F $HOMES/ssh_config"
start_sshd

putty_setup ()
{
	puttygen $KEY -O private -o $HOMES/user.ppk >$HOMES/out 2>&1 || {
		verbose "$tid: left out: puttygen cannot read $KEY"
		return 1
	}
	PUTTY="-batch -P $PORT -i $HOMES/user.ppk"
	for _t in $SSH_KEYTYPES; do
		PUTTY="$PUTTY -hostkey `$SSHKEYGEN -lf $OBJ/$_t.pub | cut -d' ' -f2`"
	done
}
psftp_run ()
{
	printf 'lcd %s\ncd %s\n%s file\n%s -r tree\n' $2 $3 $1 $1 \
	    >$HOMES/psftp.batch
	run psftp $PUTTY -b $HOMES/psftp.batch $USER@127.0.0.1
}
psftp_put () { psftp_run put $LOCAL $REMOTE; }
psftp_get () { psftp_run get $FETCHED $REMOTE; }
pscp_run () { run pscp $PUTTY -r "$@"; }
pscp_put () { pscp_run -sftp $LOCAL/file $LOCAL/tree $USER@127.0.0.1:$REMOTE; }
pscp_get ()
{
	pscp_run -sftp $USER@127.0.0.1:$REMOTE/file $FETCHED && \
	    pscp_run -sftp $USER@127.0.0.1:$REMOTE/tree $FETCHED
}

# Dropbear has no sftp of its own, OpenSSH's uses its client.
dbclient_setup ()
{
	dropbearconvert openssh dropbear $KEY $HOMES/dbclient.key \
	    >$HOMES/out 2>&1 || {
		verbose "$tid: left out: dropbearconvert cannot read $KEY"
		return 1
	}
	cat >$HOMES/dbclient.sh <<-EOD
	#!/bin/sh
	exec dbclient -y -y -T -i $HOMES/dbclient.key -p $PORT \
	    $USER@127.0.0.1 -s sftp
	EOD
	chmod +x $HOMES/dbclient.sh
}
dbclient_run () { run $SCP -q -r -S $HOMES/dbclient.sh "$@"; }
dbclient_put () { dbclient_run $LOCAL/file $LOCAL/tree host:$REMOTE; }
dbclient_get () { dbclient_run host:$REMOTE/file host:$REMOTE/tree $FETCHED; }

asyncssh_put () { run $PYTHON $HOMES/asyncssh-tree.py put; }
asyncssh_get () { run $PYTHON $HOMES/asyncssh-tree.py get; }
cat >$HOMES/asyncssh-tree.py <<EOD
import asyncio, sys
import asyncssh

async def main(way):
    async with asyncssh.connect(
            "127.0.0.1", $PORT, username="$USER", config=None,
            client_keys=["$KEY"], agent_path=None,
            known_hosts="$HOMES/.ssh/known_hosts") as ssh:
        async with ssh.start_sftp_client() as sftp:
            for name in "file", "tree":
                if way == "put":
                    await sftp.put("$LOCAL/" + name, "$REMOTE/" + name,
                                   recurse=True)
                else:
                    await sftp.get("$REMOTE/" + name, "$FETCHED/" + name,
                                   recurse=True)

asyncio.run(main(sys.argv[1]))
EOD

# curl has no directories: it is told each file.
curl_list ()
{
	(cd $LOCAL && find . -type f) | sed 's|^\./||' | \
	    while IFS= read -r _file; do
		_url="$URL$REMOTE/`printf '%s\n' "$_file" | sed 's/ /%20/g'`"
		test $1 = get && printf 'output = "%s"\n' "$FETCHED/$_file"
		test $1 = put && printf 'upload-file = "%s"\n' "$LOCAL/$_file"
		printf 'url = "%s"\n' "$_url"
	done >$HOMES/curl.list
}
curl_run ()
{
	run curl -sS --ftp-create-dirs --create-dirs -u $USER: --key $KEY \
	    --pubkey $KEY.pub -K $HOMES/curl.list
}
curl_put () { curl_list put; curl_run; }
curl_get () { curl_list get; curl_run; }

lftp_run ()
{
	run lftp -c "set sftp:auto-confirm no; set net:max-retries 1;
	    set cmd:fail-exit yes;
	    set sftp:connect-program '$OUR_SSH -a -x';
	    open -u $USER, sftp://target; $1"
}
lftp_put () { lftp_run "mirror -R $LOCAL $REMOTE"; }
lftp_get () { lftp_run "mirror $REMOTE $FETCHED"; }

rclone_run ()
{
	: >$HOMES/rclone.conf
	run rclone --config $HOMES/rclone.conf --sftp-host 127.0.0.1 \
	    --sftp-port $PORT --sftp-user $USER --sftp-key-file $KEY \
	    --sftp-known-hosts-file $HOMES/.ssh/known_hosts --retries 1 copy "$@"
}
rclone_put () { rclone_run $LOCAL :sftp:$REMOTE; }
rclone_get () { rclone_run :sftp:$REMOTE $FETCHED; }

paramiko_put () { run $PYTHON $HOMES/paramiko-tree.py put; }
paramiko_get () { run $PYTHON $HOMES/paramiko-tree.py get; }
cat >$HOMES/paramiko-tree.py <<EOD
import os, stat, sys
import paramiko

def put(sftp, local, remote):
    for name in os.listdir(local):
        here, there = local + "/" + name, remote + "/" + name
        if os.path.isdir(here):
            sftp.mkdir(there)
            put(sftp, here, there)
        else:
            sftp.put(here, there)

def get(sftp, remote, local):
    for entry in sftp.listdir_attr(remote):
        there = remote + "/" + entry.filename
        here = local + "/" + entry.filename
        if stat.S_ISDIR(entry.st_mode):
            os.mkdir(here)
            get(sftp, there, here)
        else:
            sftp.get(there, here)

ssh = paramiko.SSHClient()
ssh.load_host_keys("$HOMES/.ssh/known_hosts")
ssh.connect("127.0.0.1", $PORT, "$USER", key_filename="$KEY",
            allow_agent=False, look_for_keys=False)
with ssh, ssh.open_sftp() as sftp:
    if sys.argv[1] == "put":
        put(sftp, "$LOCAL", "$REMOTE")
    else:
        get(sftp, "$REMOTE", "$FETCHED")
EOD

# sshfs_run FROM TO: what is below FROM is copied to TO, one of them mounted.
sshfs_run ()
{
	mkdir -p $HOMES/mnt
	run unshare -m sh -c "sshfs -F $HOMES/ssh_config \
	    -o ssh_command='$SSH' target:/ $HOMES/mnt || exit 9
	    cp -R $1/. $2
	    status=\$?
	    fusermount3 -u $HOMES/mnt || exit 1
	    exit \$status"
}
sshfs_put () { sshfs_run $LOCAL $HOMES/mnt$REMOTE; }
sshfs_get () { sshfs_run $HOMES/mnt$REMOTE $FETCHED; }

rsync_put () { run rsync -r -e "$OUR_SSH" $LOCAL/ target:$REMOTE; }
rsync_get () { run rsync -r -e "$OUR_SSH" target:$REMOTE/ $FETCHED; }

git_run ()
{
	run env GIT_SSH_COMMAND="$OUR_SSH" git -c user.name=test \
	    -c user.email=test@localhost -c core.bigFileThreshold=1m "$@"
}
git_repository ()
{
	rm -rf $HOMES/git
	git_run init -q $HOMES/git && cp -R $LOCAL/. $HOMES/git && \
	    git_run -C $HOMES/git add -A && \
	    git_run -C $HOMES/git commit -q -m test
}
# With a change on top, so that both ends have to find out what is missing.
git_put ()
{
	git_repository && git_run init -q --bare $HOMES/bare && \
	    git_run -C $HOMES/git push -q target:$HOMES/bare HEAD:main && \
	    rm $HOMES/git/tree/1 && \
	    git_run -C $HOMES/git commit -q -a -m less && \
	    git_run -C $HOMES/git push -q target:$HOMES/bare HEAD:main && \
	    git_run -C $HOMES/bare archive -o $HOMES/tar main~1 && \
	    (cd $REMOTE && tar xf $HOMES/tar)
}
git_get ()
{
	git_repository && rm -rf $FETCHED && \
	    git_run clone -q target:$HOMES/git $FETCHED && \
	    rm -rf $FETCHED/.git
}

if missing psftp || missing puttygen || ! putty_setup; then
	:
else
	both psftp
	missing pscp || both pscp
fi
if missing dbclient || missing dropbearconvert || ! dbclient_setup; then
	:
else
	both dbclient
fi
if missing curl; then
	:
elif ! curl -V | grep '^Protocols:.* sftp' >/dev/null; then
	verbose "$tid: left out: curl has no sftp"
else
	both curl
fi
missing lftp || both lftp
missing rclone || both rclone
for module in paramiko asyncssh; do
	PYTHON=
	for p in python3 /usr/bin/python3; do
		test -z "$PYTHON" && \
		    $p -W ignore -c "import $module" 2>/dev/null && \
		    PYTHON="$p -W ignore"
	done
	if test -z "$PYTHON"; then
		verbose "$tid: left out: python3 with $module is not installed"
	else
		both $module
	fi
done
if missing sshfs || missing fusermount3; then
	:
elif ! unshare -m true 2>/dev/null; then
	verbose "$tid: left out: sshfs: mounting is not permitted here"
elif test ! -w /dev/fuse; then
	verbose "$tid: left out: sshfs: /dev/fuse is not there or not ours"
else
	both sshfs
fi
missing rsync || both rsync
missing git || both git

rm -rf $LOCAL $REMOTE $FETCHED $HOMES
test $used -gt 0 || skip "none of these clients is installed"
