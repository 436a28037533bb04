# SPDX-License-Identifier: ISC
"""One file by AsyncSSH's SFTP client, or AsyncSSH's SFTP server.

usage: with-asyncssh.py get|put HOST PORT USER KEY KNOWN_HOSTS LOCAL REMOTE
       with-asyncssh.py serve ADDRESS PORT HOST_KEY AUTHORIZED_KEYS

The server prints "listening" when it does, gives out the whole file system to
those keys, and runs until it is ended.
"""
import asyncio
import sys
import warnings

warnings.simplefilter("ignore")  # of the libraries below it
import asyncssh  # noqa: E402


async def client(way, host, port, user, key, known_hosts, local, remote):
    async with asyncssh.connect(host, int(port), username=user, config=None,
                                client_keys=[key], known_hosts=known_hosts,
                                agent_path=None) as ssh:
        async with ssh.start_sftp_client() as sftp:
            if way == "get":
                await sftp.get(remote, local)
            else:
                await sftp.put(local, remote)


async def serve(address, port, host_key, authorized):
    await asyncssh.listen(address, int(port), server_host_keys=[host_key],
                          authorized_client_keys=authorized, sftp_factory=True)
    print("listening", flush=True)
    await asyncio.get_running_loop().create_future()


if sys.argv[1:2] == ["serve"] and len(sys.argv) == 6:
    asyncio.run(serve(*sys.argv[2:]))
elif sys.argv[1:2] in (["get"], ["put"]) and len(sys.argv) == 9:
    asyncio.run(client(*sys.argv[1:]))
else:
    sys.exit(__doc__)
