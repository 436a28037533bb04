# SPDX-License-Identifier: ISC
# Other people's servers, as lab/peers.sh uses our client and stock's on them.
# Read by it, in a shell below lab.sh.
#
# For each there are, with - and . of its name as _:
#	title_NAME	prints what the table calls it; or, status 1, why it
#			cannot be used here
#	serve_NAME	starts it; sets server_pid and server_port
#	copy_NAME get|put LOCAL REMOTE		one file, whole, by $ssh_bin
#			or the sftp beside it

SERVERS='sshd-10.0 sshd-10.0-sftp sshd-9.2 sshd-9.2-sftp dropbear
    asyncssh-server paramiko-server rclone-server'

by_pipe() { ssh_pipe "$ssh_bin" "$@"; }
by_sftp() { ssh_sftp "${ssh_bin%/*}" "$@"; }

title_sshd_10_0() {
	echo "OpenSSH $(openssh_version "$STOCK_STAGE/bin/ssh") sshd, ssh"
}
serve_sshd_10_0() {
	local lines
	readarray -t lines < <(stage_lines "$STOCK_STAGE")
	server peer "$STOCK_STAGE" "${lines[@]}"
}
copy_sshd_10_0() { by_pipe "$@"; }

title_sshd_10_0_sftp() {
	echo "OpenSSH $(openssh_version "$STOCK_STAGE/bin/ssh") sshd, sftp"
}
serve_sshd_10_0_sftp() { serve_sshd_10_0; }
copy_sshd_10_0_sftp() { by_sftp "$@"; }

# private: the words that run a server as on a machine where it is installed
# properly: in mounts of its own, with the user and the folder that Debian's
# sshd wants, and with $work as our home.
private() {
	{
		awk -F : -v OFS=: -v u="$user" -v h="$work" \
		    '$1 == u { $6 = h } $1 != "sshd"' /etc/passwd
		echo "sshd:x:$(id -u nobody):$(id -g nobody)::/run/sshd:/usr/sbin/nologin"
	} >passwd
	cat >private.sh <<-END
	set -e
	mount -t tmpfs -o mode=755 tmpfs /run
	mkdir -m 755 /run/sshd
	mount --bind $work/passwd /etc/passwd
	exec "\$@"
	END
	echo "unshare --mount sh $work/private.sh"
}
private_title() {
	[ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null || {
		echo 'only root can give it the home and folders that it wants'
		return 1
	}
}

title_sshd_9_2() {
	title_9_2 && private_title && echo 'OpenSSH 9.2 sshd, ssh'
}
serve_sshd_9_2() {
	mkdir -p 9.2/sbin
	ln -sf "$peer_92/usr/sbin/sshd" 9.2/sbin/sshd
	server peer "$work/9.2" -p "$(private)" 'Subsystem sftp internal-sftp'
}
copy_sshd_9_2() { by_pipe "$@"; }

title_sshd_9_2_sftp() {
	title_9_2 && private_title && echo 'OpenSSH 9.2 sshd, sftp'
}
serve_sshd_9_2_sftp() { serve_sshd_9_2; }
copy_sshd_9_2_sftp() { by_sftp "$@"; }

# start_server READY COMMAND ...: in B, at a free port that COMMAND's @PORT@
# becomes, until it says READY.
start_server() {
	local ready=$1 words
	# shellcheck disable=SC2086
	server_port=$($LAB_B "$FLOW" ports 1)
	words=("${@:2}")
	: >peer.log
	# shellcheck disable=SC2086
	HOME=$work $LAB_B "${words[@]//@PORT@/$server_port}" </dev/null \
	    >peer.log 2>&1 &
	server_pid=$!
	wait_until 10 "grep -q '$ready' peer.log || ! kill -0 $server_pid" ||
	    :
	grep -q "$ready" peer.log || {
		tail -n 3 peer.log >&2
		return 1
	}
}

title_dropbear() {
	has dropbear && has dropbearconvert && private_title || return 1
	dropbear -V 2>&1 | sed 's/^Dropbear v\([0-9.]*\).*/dropbear \1, ssh/'
}
# More options for it
dropbear_more=
serve_dropbear() {
	local words
	mkdir -p -m 700 .ssh
	cp user.pub .ssh/authorized_keys
	dropbearconvert openssh dropbear host host.db >/dev/null 2>&1
	read -ra words <<<"$(private)"
	start_server 'Not backgrounding' "${words[@]}" dropbear -F -E -m $dropbear_more \
	    -r host.db -P "$work/dropbear.pid" -p "$LAB_ADDR_B:@PORT@"
}
copy_dropbear() { by_pipe "$@"; }

# title_of_server PEER: of a program that is a client as well.
title_of_server() {
	local title
	title=$("title_$1") || {
		echo "$title"
		return 1
	}
	echo "$title server"
}

serve_with() {
	start_server listening "$python" -W ignore \
	    "$ROOT/lab/peers/with-$1.py" serve "$LAB_ADDR_B" @PORT@ \
	    "$work/host" "$work/user.pub"
}
title_asyncssh_server() { title_of_server asyncssh; }
serve_asyncssh_server() { python_of asyncssh && serve_with asyncssh; }
copy_asyncssh_server() { by_sftp "$@"; }
title_paramiko_server() { title_of_server paramiko; }
serve_paramiko_server() { python_of paramiko && serve_with paramiko; }
copy_paramiko_server() { by_sftp "$@"; }

title_rclone_server() { title_of_server rclone; }
serve_rclone_server() {
	: >rclone.conf
	start_server 'listening on' rclone serve sftp / --config rclone.conf \
	    --addr "$LAB_ADDR_B:@PORT@" --key "$work/host" \
	    --authorized-keys "$work/user.pub" --vfs-cache-mode off -v
}
copy_rclone_server() { by_sftp "$@"; }
