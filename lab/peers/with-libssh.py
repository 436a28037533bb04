# SPDX-License-Identifier: ISC
"""One file by libssh, whose library is all that is needed (no headers).

usage: with-libssh.py get|put HOST PORT USER KEY KNOWN_HOSTS LOCAL REMOTE [sftp]
       with-libssh.py version

Through the standard input and output of cat on the server, or, with "sftp",
by sftp_read() and sftp_write(), as programs use them that know no better: one
request at a time. Declarations: libssh's libssh.h and sftp.h, 0.8 and later.
"""
import ctypes
import os
import shlex
import sys

OPTION_HOST, OPTION_PORT, OPTION_USER = 0, 1, 4
OPTION_KNOWNHOSTS = 8
KNOWN_HOSTS_OK, AUTH_SUCCESS = 1, 0
CHUNK = 32768

try:
    lib = ctypes.CDLL("libssh.so.4")
except OSError as e:
    sys.exit("libssh: %s" % e)


def function(name, result, *arguments):
    f = getattr(lib, name)
    f.restype = result
    f.argtypes = arguments
    return f


pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
size = ctypes.c_size_t
version = function("ssh_version", text, number)
new = function("ssh_new", pointer)
options_set = function("ssh_options_set", number, pointer, number, pointer)
connect = function("ssh_connect", number, pointer)
is_known = function("ssh_session_is_known_server", number, pointer)
key_import = function("ssh_pki_import_privkey_file", number, text, text,
                      pointer, pointer, ctypes.POINTER(pointer))
auth = function("ssh_userauth_publickey", number, pointer, text, pointer)
get_error = function("ssh_get_error", text, pointer)
disconnect = function("ssh_disconnect", None, pointer)
channel_new = function("ssh_channel_new", pointer, pointer)
channel_open = function("ssh_channel_open_session", number, pointer)
channel_exec = function("ssh_channel_request_exec", number, pointer, text)
channel_read = function("ssh_channel_read", number, pointer, pointer,
                        ctypes.c_uint32, number)
channel_write = function("ssh_channel_write", number, pointer, text,
                         ctypes.c_uint32)
channel_eof = function("ssh_channel_send_eof", number, pointer)
channel_status = function("ssh_channel_get_exit_status", number, pointer)
channel_close = function("ssh_channel_close", number, pointer)
sftp_new = function("sftp_new", pointer, pointer)
sftp_init = function("sftp_init", number, pointer)
sftp_open = function("sftp_open", pointer, pointer, text, number,
                     ctypes.c_uint)
sftp_read = function("sftp_read", ctypes.c_ssize_t, pointer, pointer, size)
sftp_write = function("sftp_write", ctypes.c_ssize_t, pointer, text, size)
sftp_close = function("sftp_close", number, pointer)


def ok(good, what):
    if not good:
        why = get_error(ssh).decode(errors="replace")
        sys.exit("libssh: %s: %s" % (what, why))
    return good


def by_channel(way, local, remote):
    channel = ok(channel_new(ssh), "channel")
    ok(channel_open(channel) == 0, "channel")
    command = "cat " + ("" if way == "get" else ">") + shlex.quote(remote)
    ok(channel_exec(channel, command.encode()) == 0, command)
    buffer = ctypes.create_string_buffer(CHUNK)
    if way == "get":
        with open(local, "wb") as file:
            while True:
                n = channel_read(channel, buffer, CHUNK, 0)
                ok(n >= 0, "read")
                if n == 0:
                    break
                file.write(memoryview(buffer)[:n])
    else:
        with open(local, "rb") as file:
            while data := file.read(CHUNK):
                ok(channel_write(channel, data, len(data)) == len(data),
                   "write")
        channel_eof(channel)
        # Until the server has closed its side, it may still be writing.
        while channel_read(channel, buffer, CHUNK, 0) > 0:
            pass
    ok(channel_status(channel) == 0, command)
    channel_close(channel)


def by_sftp(way, local, remote):
    sftp = ok(sftp_new(ssh), "sftp")
    ok(sftp_init(sftp) == 0, "sftp")
    flags = os.O_RDONLY
    if way == "put":
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    remote_file = ok(sftp_open(sftp, remote.encode(), flags, 0o644), remote)
    buffer = ctypes.create_string_buffer(CHUNK)
    if way == "get":
        with open(local, "wb") as file:
            while (n := sftp_read(remote_file, buffer, CHUNK)) != 0:
                ok(n > 0, "read")
                file.write(memoryview(buffer)[:n])
    else:
        with open(local, "rb") as file:
            while data := file.read(CHUNK):
                ok(sftp_write(remote_file, data, len(data)) == len(data),
                   "write")
    ok(sftp_close(remote_file) == 0, "close")


if sys.argv[1:] == ["version"]:
    print(version(0).decode().split("/")[0])
    sys.exit(0)
if sys.argv[1:2] not in (["get"], ["put"]) or len(sys.argv) not in (9, 10):
    sys.exit(__doc__)
way, host, port, user, key_file, known_hosts, local, remote = sys.argv[1:9]
ssh = new()
for option, value in ((OPTION_HOST, host), (OPTION_USER, user),
                      (OPTION_KNOWNHOSTS, known_hosts)):
    ok(options_set(ssh, option, value.encode()) == 0, "option")
ok(options_set(ssh, OPTION_PORT,
               ctypes.byref(ctypes.c_uint(int(port)))) == 0, "port")
ok(connect(ssh) == 0, "connect")
ok(is_known(ssh) == KNOWN_HOSTS_OK, "the host key is not the known one")
key = pointer()
ok(key_import(key_file.encode(), None, None, None, ctypes.byref(key)) == 0,
   "key")
ok(auth(ssh, None, key) == AUTH_SUCCESS, "authentication")
(by_sftp if sys.argv[9:] == ["sftp"] else by_channel)(way, local, remote)
disconnect(ssh)
