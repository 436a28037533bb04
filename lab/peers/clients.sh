# SPDX-License-Identifier: ISC
# Other people's clients, as lab/peers.sh uses them on our sshd and on stock's.
# Read by it, in a shell below lab.sh.
#
# For each there are, with - and . of its name as _:
#	title_NAME	prints what the table calls it; or, status 1, why it
#			cannot be used here
#	copy_NAME get|put LOCAL REMOTE		one file, whole
#
# Both ends have the same files; REMOTE is a path that the server opens. From
# lab/peers.sh: $work, $port and $conf, the server; $ssh_bin, ours or stock's,
# for those that start an ssh; in_a, which runs a command in A, with a limit.

CLIENTS='ssh-10.0 sftp-10.0 ssh-9.2 sftp-9.2 plink pscp psftp
    dbclient dbclient-W libssh libssh-sftp curl-sftp curl-scp paramiko asyncssh
    rclone rclone-512 lftp lftp-512 sshfs rsync git ansible'
# These start an ssh, which is ours on our sshd and stock's on stock's.
CLIENTS_OVER_SSH='lftp lftp-512 sshfs rsync git ansible'

# has PROGRAM: or the reason that it is not there.
has() {
	command -v "$1" >/dev/null 2>&1 || {
		echo "$1 is not installed"
		return 1
	}
}

# python_of MODULE: a Python that has it, in $python.
python_of() {
	for python in python3 /usr/bin/python3; do
		! "$python" -W ignore -c "import $1" 2>/dev/null || return 0
	done
	echo "no python3 with $1 is installed"
	return 1
}

# ssh_pipe SSH get|put LOCAL REMOTE: through cat.
ssh_pipe() {
	# shellcheck disable=SC2086
	if [ "$2" = get ]; then
		in_a "$1" $verbose -F "$conf" target "cat $4" </dev/null >"$3"
	else
		in_a "$1" $verbose -F "$conf" target "cat >$4" <"$3"
	fi
}

# ssh_sftp BIN get|put LOCAL REMOTE: by the sftp and ssh in that folder.
ssh_sftp() {
	case $2 in
	get) set -- "$1" "get $4 $3" ;;
	put) set -- "$1" "put $3 $4" ;;
	esac
	# shellcheck disable=SC2086
	echo "$2" | in_a "$1/sftp" ${verbose:--q} -S "$1/ssh" -F "$conf" -b - target \
	    >/dev/null
}

openssh_version() {
	"$1" -V 2>&1 | sed 's/^OpenSSH_\([0-9.]*\).*/\1/'
}

title_ssh_10_0() {
	echo "OpenSSH $(openssh_version "$STOCK_STAGE/bin/ssh") ssh"
}
copy_ssh_10_0() { ssh_pipe "$STOCK_STAGE/bin/ssh" "$@"; }

title_sftp_10_0() {
	echo "OpenSSH $(openssh_version "$STOCK_STAGE/bin/ssh") sftp"
}
copy_sftp_10_0() { ssh_sftp "$STOCK_STAGE/bin" "$@"; }

# Debian 12's; $peer_92 is where its files are.
title_9_2() {
	if [ -z "${peer_92-}" ]; then
		peer_92=$("$ROOT/lab/peer.sh" 9.2 2>&1) || {
			echo "${peer_92#peer: }"
			peer_92=
			return 1
		}
	fi
}
title_ssh_9_2() { title_9_2 && echo 'OpenSSH 9.2 ssh'; }
copy_ssh_9_2() { ssh_pipe "$peer_92/usr/bin/ssh" "$@"; }
title_sftp_9_2() { title_9_2 && echo 'OpenSSH 9.2 sftp'; }
copy_sftp_9_2() { ssh_sftp "$peer_92/usr/bin" "$@"; }

# putty_key: the same key as everybody's, in PuTTY's format.
putty_key() {
	[ -e user.ppk ] || puttygen user -O private -o user.ppk >/dev/null
	[ -n "${putty_host-}" ] ||
	    putty_host=$("$HPN_STAGE/bin/ssh-keygen" -lf host.pub |
	    cut -d ' ' -f 2)
}
putty() {
	putty_key
	program=$1
	shift
	in_a "$program" -batch -P "$port" -i user.ppk -hostkey "$putty_host" "$@"
}
putty_title() {
	has puttygen && has "$1" || return 1
	echo "PuTTY $(plink -V | sed -n 's/^plink: Release //p') $1"
}
title_plink() { putty_title plink; }
copy_plink() {
	if [ "$1" = get ]; then
		putty plink -ssh "$user@$LAB_ADDR_B" "cat $3" </dev/null >"$2"
	else
		putty plink -ssh "$user@$LAB_ADDR_B" "cat >$3" <"$2"
	fi
}
title_pscp() { title=$(putty_title pscp) && echo "$title -scp"; }
copy_pscp() {
	if [ "$1" = get ]; then
		putty pscp -q -scp "$user@$LAB_ADDR_B:$3" "$2"
	else
		putty pscp -q -scp "$2" "$user@$LAB_ADDR_B:$3"
	fi </dev/null
}
title_psftp() { putty_title psftp; }
copy_psftp() {
	case $1 in
	get) echo "get $3 $2" ;;
	put) echo "put $2 $3" ;;
	esac >psftp.batch
	putty psftp -b psftp.batch "$user@$LAB_ADDR_B" </dev/null >/dev/null
}

title_dbclient() {
	has dbclient && has dropbearconvert || return 1
	dbclient -V 2>&1 | sed 's/^Dropbear v\([0-9.]*\).*/dropbear \1 dbclient/'
}
dbclient_more=
copy_dbclient() {
	# shellcheck disable=SC2086
	[ -e user.db ] ||
	    dropbearconvert openssh dropbear user user.db >/dev/null 2>&1
	set -- "$1" "$2" "$3" -y $dbclient_more -p "$port" -i user.db \
	    "$user@$LAB_ADDR_B"
	if [ "$1" = get ]; then
		in_a dbclient "${@:4}" "cat $3" </dev/null >"$2"
	else
		in_a dbclient "${@:4}" "cat >$3" <"$2"
	fi
}

# With the largest window that it can be told to have.
title_dbclient_W() {
	title_dbclient >/dev/null || {
		title_dbclient
		return 1
	}
	echo '    with -W 10485760'
}
copy_dbclient_W() {
	local dbclient_more='-W 10485760'
	copy_dbclient "$@"
}

# with PROGRAM get|put LOCAL REMOTE [MORE]: our small programs around libraries.
with() {
	local program=$ROOT/lab/peers/with-$1.py
	in_a "$python" "$program" "$2" "$LAB_ADDR_B" "$port" "$user" \
	    "$work/user" "$work/.ssh/known_hosts" "${@:3}" </dev/null
}
libssh_title() {
	local version
	has python3 || return 1
	python=python3
	version=$(python3 "$ROOT/lab/peers/with-libssh.py" version 2>&1) || {
		echo "$version"
		return 1
	}
	echo "libssh $version $1"
}
title_libssh() { libssh_title channel; }
copy_libssh() { python=python3 && with libssh "$@"; }
title_libssh_sftp() { libssh_title sftp; }
copy_libssh_sftp() { python=python3 && with libssh "$@" sftp; }
title_paramiko() {
	python_of paramiko || return 1
	"$python" -W ignore -c \
	    'import paramiko; print("paramiko", paramiko.__version__)'
}
copy_paramiko() { python_of paramiko && with paramiko "$@"; }
title_asyncssh() {
	python_of asyncssh || return 1
	"$python" -W ignore -c \
	    'import asyncssh; print("AsyncSSH", asyncssh.__version__)'
}
copy_asyncssh() { python_of asyncssh && with asyncssh "$@"; }

curl_title() {
	local version
	has curl || return 1
	version=$(curl -V | sed -n '1s/.*libssh2\/\([0-9.]*\).*/\1/p')
	[ -n "$version" ] && curl -V | grep -q "^Protocols:.* $1" || {
		echo "this curl has no $1"
		return 1
	}
	echo "libssh2 $version, curl $1"
}
# curl_copy SCHEME get|put LOCAL REMOTE
curl_copy() {
	set -- "$2" "$3" "$1://$LAB_ADDR_B:$port$4" -sS -u "$user:" \
	    --key "$work/user" --pubkey "$work/user.pub"
	if [ "$1" = get ]; then
		in_a curl "${@:4}" -o "$2" "$3" </dev/null
	else
		in_a curl "${@:4}" -T "$2" "$3" </dev/null
	fi
}
title_curl_sftp() { curl_title sftp; }
copy_curl_sftp() { curl_copy sftp "$@"; }
title_curl_scp() { curl_title scp; }
copy_curl_scp() { curl_copy scp "$@"; }

title_rclone() {
	has rclone || return 1
	rclone version 2>/dev/null |
	    sed -n 's/^rclone v\([0-9.]*\).*/rclone \1 (Go)/p'
}
rclone_concurrency=64
copy_rclone() {
	set -- "$1" "$2" ":sftp:$3" --config rclone.conf --sftp-key-file \
	    "$work/user" --sftp-known-hosts-file "$work/.ssh/known_hosts" \
	    --sftp-host "$LAB_ADDR_B" --sftp-port "$port" --sftp-user "$user" \
	    --sftp-disable-hashcheck --retries 1 --sftp-concurrency \
	    "$rclone_concurrency"
	[ -e rclone.conf ] || : >rclone.conf
	if [ "$1" = get ]; then
		in_a rclone copyto "${@:4}" "$3" "$2" </dev/null
	else
		in_a rclone copyto "${@:4}" "$2" "$3" </dev/null
	fi
}

title_rclone_512() {
	title_rclone >/dev/null || {
		title_rclone
		return 1
	}
	echo '    --sftp-concurrency 512'
}
copy_rclone_512() {
	local rclone_concurrency=512
	copy_rclone "$@"
}

# From here on CLIENTS_OVER_SSH.
title_lftp() {
	has lftp || return 1
	lftp --version | sed -n 's/^LFTP | Version \([0-9.]*\).*/lftp \1/p'
}
lftp_more=
copy_lftp() {
	local command
	case $1 in
	get) command="get $3 -o $2" ;;
	put) command="put $2 -o $3" ;;
	esac
	in_a lftp -c "set sftp:auto-confirm no; set net:max-retries 1;
	    set xfer:clobber yes; $lftp_more
	    set sftp:connect-program '$ssh_bin -a -x -F $conf';
	    open -u $user, sftp://target; $command" </dev/null >/dev/null
}

title_lftp_512() {
	title_lftp >/dev/null || {
		title_lftp
		return 1
	}
	echo '    512 packets in flight'
}
copy_lftp_512() {
	local lftp_more='set sftp:max-packets-in-flight 512;'
	copy_lftp "$@"
}

title_sshfs() {
	has sshfs && has fusermount3 || return 1
	[ -c /dev/fuse ] || {
		echo 'there is no /dev/fuse'
		return 1
	}
	unshare --mount true 2>/dev/null || {
		echo 'mounting is not permitted here'
		return 1
	}
	sshfs --version | sed -n 's/^SSHFS version/sshfs/p'
}
copy_sshfs() {
	mkdir -p mnt
	case $1 in
	get) set -- "mnt$3" "$2" ;;
	put) set -- "$2" "mnt$3" ;;
	esac
	# The file is there when the mount has gone.
	# shellcheck disable=SC2016
	in_a unshare --mount sh -c '
		sshfs -F "$3" -o ssh_command="$4" target:/ mnt || exit 1
		cp "$1" "$2"
		status=$?
		fusermount3 -u mnt
		exit $status' sh "$1" "$2" "$conf" "$ssh_bin" </dev/null
}

title_rsync() {
	has rsync || return 1
	rsync --version | sed -n 's/^rsync *version \([0-9.]*\).*/rsync \1/p'
}
copy_rsync() {
	case $1 in
	get) set -- "target:$3" "$2" ;;
	put) set -- "$2" "target:$3" ;;
	esac
	in_a rsync -W --inplace -e "$ssh_bin -F $conf" "$1" "$2" </dev/null
}

title_git() {
	has git || return 1
	git --version | sed -n 's/^git version/git/p'
}
# A repository with the file in it, pushed and cloned. Its own compression
# would be all that is seen.
git_made() {
	[ ! -d "$1.git" ] || return 0
	git config --file .gitconfig core.compression 0
	git config --file .gitconfig core.bigFileThreshold 1m
	git config --file .gitconfig user.name lab
	git config --file .gitconfig user.email lab@localhost
	git init -q --bare "$1.git"
	local blob tree
	blob=$(git -C "$1.git" hash-object -w --stdin <"$1")
	tree=$(printf '100644 blob %s\tfile\n' "$blob" |
	    git -C "$1.git" mktree)
	git -C "$1.git" update-ref refs/heads/main \
	    "$(git -C "$1.git" commit-tree -m lab "$tree")"
	git -C "$1.git" symbolic-ref HEAD refs/heads/main
}
prepare_git() {
	export HOME=$work
	git_made "$1"
	rm -rf copied.git pushed.git
	git init -q --bare pushed.git
}
copy_git() {
	export GIT_SSH_COMMAND="$ssh_bin -F $conf"
	case $1 in
	get) in_a git clone -q --bare "target:${3%.data}.data.git" copied.git ;;
	put) in_a git -C "$2.git" push -q "target:$work/pushed.git" main ;;
	esac </dev/null
}
# What was moved, as a file again.
finish_git() {
	case $1 in
	get) git -C copied.git cat-file blob main:file >"$2" ;;
	put) git -C pushed.git cat-file blob main:file >"$2" ;;
	esac
	rm -rf copied.git pushed.git
}

title_ansible() {
	has ansible || return 1
	LC_ALL=C.UTF-8 ansible --version |
	    sed -n 's/^ansible \[core \(.*\)\]/Ansible core \1, ping/p'
}
# No file: a module is sent, run, and its answer has to be right.
ping_ansible() {
	export ANSIBLE_HOME=$work/.ansible ANSIBLE_LOCAL_TEMP=$work/.ansible/tmp
	export ANSIBLE_PIPELINING=False ANSIBLE_SSH_EXECUTABLE=$ssh_bin
	export ANSIBLE_SFTP_EXECUTABLE=${ssh_bin%/*}/sftp
	export ANSIBLE_SSH_ARGS="-F $conf -o ControlMaster=no"
	export ANSIBLE_SFTP_BATCH_MODE=True ANSIBLE_HOST_KEY_CHECKING=True
	export ANSIBLE_NOCOLOR=1
	LC_ALL=C.UTF-8 in_a ansible all -i target, -m ping \
	    -e ansible_python_interpreter=/usr/bin/python3 </dev/null \
	    >ansible.out && grep -q '"ping": "pong"' ansible.out
}
