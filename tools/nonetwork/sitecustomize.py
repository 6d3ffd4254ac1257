"""Keep Python on this machine: sockets reach loopback and local (unix) addresses only.

Python imports this file by its name when its folder is on PYTHONPATH. It covers what goes through Python's
socket module (urllib, requests, the downloads of Keras and Kaggle), not sockets inside compiled libraries.
"""

import ipaddress
import socket


def _is_local(host, numbers: bool = False) -> bool:
    """Whether a host is this machine; with `numbers`, whether looking it up stays on this machine."""
    if host is None:
        return True
    host = host.decode() if isinstance(host, bytes) else str(host)
    if host in ("", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return numbers or address.is_loopback or address.is_unspecified


def _guarded(method, find_address):
    def call(self, *args):
        address = find_address(args)
        if self.family in (socket.AF_INET, socket.AF_INET6) and address and not _is_local(address[0]):
            raise OSError(f"no network in this run: {address[0]} was asked for, only this machine may be")
        return method(self, *args)

    return call


def _guarded_lookup(lookup):
    def call(host, *args, **kwargs):
        if not _is_local(host, numbers=True):
            raise OSError(f"no network in this run: the name {host} was looked up")
        return lookup(host, *args, **kwargs)

    return call


for _name, _find in {
    "connect": lambda args: args[0],
    "connect_ex": lambda args: args[0],
    "sendto": lambda args: args[-1],
    "sendmsg": lambda args: args[3] if len(args) > 3 else None,
}.items():
    if hasattr(socket.socket, _name):
        setattr(socket.socket, _name, _guarded(getattr(socket.socket, _name), _find))
for _name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    setattr(socket, _name, _guarded_lookup(getattr(socket, _name)))
