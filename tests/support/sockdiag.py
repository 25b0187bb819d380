"""How many bytes a TCP socket on this machine holds that its program has not
read yet: asked from the kernel (sock_diag(7)), so that a test can cut a message
where the program under test really sees the cut."""

import socket
import struct

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_netlink = None


def _queues(local: tuple, remote: tuple):
    """The two numbers of the socket bound to `local` and connected to `remote`
    (IPv4); None if there is none any more."""
    global _netlink
    if _netlink is None:
        _netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM,
                                 _NETLINK_SOCK_DIAG)
        _netlink.bind((0, 0))
    body = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
    body += struct.pack("!HH", local[1], remote[1])
    body += socket.inet_aton(local[0]) + bytes(12)
    body += socket.inet_aton(remote[0]) + bytes(12)
    body += struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    _netlink.send(struct.pack("=IHHII", 16 + len(body), _SOCK_DIAG_BY_FAMILY,
                              _NLM_F_REQUEST, 0, 0) + body)
    answer = _netlink.recv(8192)
    if struct.unpack_from("=H", answer, 4)[0] == _NLMSG_ERROR:
        return None
    return struct.unpack_from("=II", answer, 16 + 4 + 48 + 4)


def unread_bytes(local: tuple, remote: tuple):
    """Of the socket bound to `local` and connected to `remote` (IPv4); None if
    there is none any more."""
    found = _queues(local, remote)
    return found and found[0]


def backlog(local: tuple) -> int:
    """How many connections the kernel holds for who listens at `local`."""
    return _queues(local, ("0.0.0.0", 0))[1]
