"""Debian hosts without Python, to install packages on: a root folder each, made by debootstrap and kept in the cache.

    with Host("bookworm") as host:            # a copy of Debian 12, nothing runs in it
        host.put(deb, "/tmp/flowcoll.deb")
        host.run("dpkg", "--install", "/tmp/flowcoll.deb")

    with Booted("trixie") as host:            # a copy of Debian 13 with its systemd running
        host.run("systemctl", "start", "flowcoll")

Both are namespaces of this machine: its kernel, its network (ports are taken from the same range), its users' numbers;
own files, own processes and own control groups. It takes root. The cache is that of the Elasticsearch node: the folder
that FLOWCOLL_TEST_CACHE names, else /var/cache/flowcoll-tests.
"""

from hosts.booted import Booted
from hosts.host import Host

__all__ = ["Booted", "Host"]
