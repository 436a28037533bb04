# SPDX-License-Identifier: ISC
"""The table of lab/peers.sh, from what it saw, on standard output.

usage: table.py FOLDER --clients NAME ... --servers NAME ...

FOLDER has NAME.tsv, lines of "rtt role way product metric value", and line.tsv,
raw TCP's rate each way and "cc", its congestion control. Metrics:
        title, skipped, failed          text
        connects, rate, ping            yes; MB/s (10^6); s
        over_ssh                        yes: it starts ssh, ours or stock's
        window, packet                  of the peer's channel, bytes
        request                         usual length of an SFTP request, bytes
        rwnd_limited, sndbuf_limited    % of the time that the sender's TCP was
                                        held back by the receiver's window, by
                                        its own send buffer (tcp_info)
        first_cipher, cipher            what was negotiated; what else works
"""
import collections
import os
import sys
import textwrap

RTT = "100"
WAYS = ("up", "down")
WIDTH = 80
# % of the time, from which on TCP's own buffers are what limits. Seen: 0 to 3
# where they do not, 30 to 45 where they do.
TCP_HOLDS = 15


class Seen:
    """What PEER.tsv says of a peer."""

    def __init__(self, path):
        self.value = {}
        self.failed = []
        self.ciphers = []
        self.role = "client"
        with open(path) as f:
            for line in f:
                rtt, self.role, way, product, metric, value = \
                    line.rstrip("\n").split("\t", 5)
                if metric == "failed":
                    self.failed.append("%s, %s ms, %s: %s" % (
                        {"up": "up", "down": "down"}.get(way, "all"),
                        rtt, product, value))
                elif metric == "cipher":
                    self.ciphers.append(value)
                else:
                    self.value[rtt, way, product, metric] = value

    def text(self, metric):
        for rtt in ("0", RTT):
            for product in ("-", "ours"):
                if (rtt, "-", product, metric) in self.value:
                    return self.value[rtt, "-", product, metric]
        return None

    def number(self, rtt, way, product, metric):
        value = self.value.get((rtt, way, product, metric))
        return None if value is None else float(value)


def size(n):
    if n >= 4 << 20:
        return "%.0f MiB" % (n / (1 << 20))
    if n >= 10 << 10:
        return "%.0f KiB" % (n / (1 << 10))
    return "%.1f KiB" % (n / (1 << 10))


def rate(value):
    """Two digits: more would not be the same the next time."""
    if value is None:
        return "-"
    if value < 1:
        return "%.2f" % value
    if value < 9.5:
        return "%.1f" % value
    if value < 99.5:
        return "%.0f" % value
    return "%d" % (round(value / 10) * 10)


def pair(peer, rtt, way):
    ours, stock = (peer.number(rtt, way, p, "rate") for p in ("ours", "stock"))
    if ours is None and stock is None:
        return "-"
    return "%s / %s" % (rate(ours), rate(stock))


def limit(peer, way, line):
    """What held a copy between the peer and ours back over the link."""
    far = peer.number(RTT, way, "ours", "rate")
    # What the peer can do by itself does not depend on whom it talks to.
    near = max((peer.number("0", way, p, "rate") or 0)
               for p in ("ours", "stock"))
    if far is None:
        return None
    if line.get(way) and far >= 0.75 * line[way]:
        return "the line"
    if near and far >= 0.7 * near:
        return "its own pace, the same at 0 ms"
    # So it waits for answers: this much goes in each round trip.
    trip = far * 1e6 * int(RTT) / 1000
    rwnd, sndbuf = (peer.number(RTT, way, "ours", m) or 0
                    for m in ("rwnd_limited", "sndbuf_limited"))
    if rwnd + sndbuf >= TCP_HOLDS:
        return "the %s, %s in a round trip" % (
            "receiver's TCP window" if rwnd > sndbuf else
            "sender's TCP send buffer", size(trip))
    window = None
    # Who starts our ssh has our windows.
    if (way == "down") == (peer.role == "client") and \
            not peer.text("over_ssh"):
        window = peer.number(RTT, way, "ours", "window")
    request = peer.number(RTT, way, "ours", "request")
    asks = "" if peer.role == "client" else "of our sftp, "
    requests = None
    if request and trip < 1.3 * request:
        requests = "one SFTP request of %s" % size(request)
    elif request:
        requests = "about %.*f SFTP requests of %s" % (
            1 if trip < 3 * request else 0, trip / request, size(request))
    if window and 0.5 * window <= trip <= 1.2 * window:
        return "its window of %s in a round trip" % size(window) + (
            ", as much as %s%s" % (asks, requests) if requests else "")
    if requests:
        return "%s%s in a round trip" % (asks, requests)
    sender = "client" if way == "up" else "server"
    who = "it sends" if sender == peer.role else "it takes"
    return "%s %s in a round trip" % (who, size(trip)) + (
        ", of a window of %s" % size(window) if window else "")


def wrapped(text, indent):
    return textwrap.fill(text, WIDTH, initial_indent=indent,
                         subsequent_indent=indent + "  ",
                         break_on_hyphens=False, break_long_words=False)


def rows(heading, peers, line):
    form = "%-26s %12s %12s %12s %12s"
    print(form % (heading, "up,", "down,", "up,", "down,"))
    print(form % ("", "0 ms", "0 ms", RTT + " ms", RTT + " ms"))
    print()
    for name, peer in peers:
        title = peer.text("title") or name
        if peer.text("skipped"):
            print(wrapped("%s: not tried: %s" % (name, peer.text("skipped")),
                          ""))
            continue
        pings = ["%s ms %s / %s s" % (
            rtt, peer.value.get((rtt, "-", "ours", "ping"), "-"),
            peer.value.get((rtt, "-", "stock", "ping"), "-"))
            for rtt in ("0", RTT)
            if (rtt, "-", "ours", "connects") in peer.value]
        if pings:
            print("%-26s answered: %s" % (title, ", ".join(pings)))
        else:
            print(form % ((title,) + tuple(
                pair(peer, rtt, way) for rtt in ("0", RTT) for way in WAYS)))
        limits = collections.OrderedDict()
        for way in WAYS:
            why = limit(peer, way, line)
            if why:
                limits.setdefault(why, []).append(way)
        if limits:
            print(wrapped("; ".join("%s: %s" % (" and ".join(w), why)
                                    for why, w in limits.items()), "    "))
        for why in peer.failed:
            print(wrapped("FAILED: " + why, "    "))
    print()


def main(folder, clients, servers):
    def load(names):
        paths = ((n, os.path.join(folder, n + ".tsv")) for n in names)
        return [(n, Seen(p)) for n, p in paths if os.path.exists(p)]

    line = {}
    path = os.path.join(folder, "line.tsv")
    if os.path.exists(path):
        with open(path) as f:
            line = dict(text.split() for text in f)
        line.update((way, float(line[way])) for way in WAYS)
    clients, servers = load(clients), load(servers)
    print(wrapped("MB/s, ours / stock of the same base.%s" % (
        " Raw TCP (%s) over the line of %s ms: %s up, %s down." % (
            line["cc"], RTT, rate(line["up"]), rate(line["down"]))
        if line else ""), ""))
    print()
    if clients:
        rows("Their client, our sshd", clients, line)
    if servers:
        rows("Their server, our client", servers, line)
    with_ciphers = [(p.text("title"), p) for _, p in clients + servers
                    if p.text("first_cipher")]
    if with_ciphers:
        print(wrapped("Ciphers in common, each tried up and down; the first "
                      "is what they agree on by themselves.", ""))
        print()
    for title, peer in with_ciphers:
        first = peer.text("first_cipher")
        rest = [c for c in peer.ciphers if c != first]
        print(wrapped("%s: %s" % (title, ", ".join(
            c.replace("@openssh.com", "").replace("@lysator.liu.se", "")
            for c in [first] + rest)), ""))


def arguments(argv):
    if len(argv) < 4 or argv[1] != "--clients" or "--servers" not in argv:
        sys.exit(__doc__)
    at = argv.index("--servers")
    return argv[0], argv[2:at], argv[at + 1:]


main(*arguments(sys.argv[1:]))
