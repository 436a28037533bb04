# SPDX-License-Identifier: ISC
"""One file by paramiko's SFTP client, or paramiko's SFTP server.

usage: with-paramiko.py get|put HOST PORT USER KEY KNOWN_HOSTS LOCAL REMOTE
       with-paramiko.py serve ADDRESS PORT HOST_KEY AUTHORIZED_KEYS

The server prints "listening" when it does, gives out the whole file system to
those keys, and runs until it is ended.
"""
import os
import socket
import sys
import threading

import paramiko


def client(way, host, port, user, key, known_hosts, local, remote):
    ssh = paramiko.SSHClient()
    ssh.load_host_keys(known_hosts)
    ssh.connect(host, int(port), user, key_filename=key, allow_agent=False,
                look_for_keys=False)
    with ssh, ssh.open_sftp() as sftp:
        if way == "get":
            sftp.get(remote, local)
        else:
            sftp.put(local, remote)


class Files(paramiko.SFTPServerInterface):
    """Files of the machine: what get and put need."""

    def open(self, path, flags, attr):
        try:
            fd = os.open(path, flags, attr.st_mode or 0o644)
        except OSError as e:
            return paramiko.SFTPServer.convert_errno(e.errno)
        writes = flags & (os.O_WRONLY | os.O_RDWR)
        file = os.fdopen(fd, "wb" if writes else "rb")
        handle = paramiko.SFTPHandle(flags)
        handle.filename = path
        handle.readfile = handle.writefile = file
        return handle

    def stat(self, path):
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(path))
        except OSError as e:
            return paramiko.SFTPServer.convert_errno(e.errno)

    lstat = stat

    def chattr(self, path, attr):
        return paramiko.SFTP_OK


# sftp of OpenSSH asks an open file for its size and sets its mode.
def handle_stat(self):
    return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


paramiko.SFTPHandle.stat = handle_stat
paramiko.SFTPHandle.chattr = lambda self, attr: paramiko.SFTP_OK


class Login(paramiko.ServerInterface):
    def __init__(self, keys):
        self.keys = keys

    def check_auth_publickey(self, user, key):
        if key.get_base64() in self.keys:
            return paramiko.AUTH_SUCCESSFUL
        return paramiko.AUTH_FAILED

    def get_allowed_auths(self, user):
        return "publickey"

    def check_channel_request(self, kind, chanid):
        if kind == "session":
            return paramiko.OPEN_SUCCEEDED
        return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


def session(connection, host_key, keys):
    transport = paramiko.Transport(connection)
    transport.add_server_key(host_key)
    transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
    transport.start_server(server=Login(keys))
    transport.join()


def serve(address, port, host_key, authorized):
    host_key = paramiko.Ed25519Key.from_private_key_file(host_key)
    with open(authorized) as f:
        keys = [line.split()[1] for line in f if " " in line]
    listener = socket.create_server((address, int(port)))
    print("listening", flush=True)
    while True:
        connection = listener.accept()[0]
        threading.Thread(target=session, args=(connection, host_key, keys),
                         daemon=True).start()


if sys.argv[1:2] == ["serve"] and len(sys.argv) == 6:
    serve(*sys.argv[2:])
elif sys.argv[1:2] in (["get"], ["put"]) and len(sys.argv) == 9:
    client(*sys.argv[1:])
else:
    sys.exit(__doc__)
