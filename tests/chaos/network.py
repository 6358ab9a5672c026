"""A replica in a network of its own, with a link to each of its neighbours that can be cut. Needs root."""

import os
import socket
import subprocess
import threading


class Network:
    """Links by name; each has a network, in which this machine is `.1` and the replica `.2`."""

    def __init__(self, folder, links):
        self.name = f"pinroute{os.getpid()}"
        self._listed = folder / "namespaces" / self.name
        self._links = {}
        self._listed.parent.mkdir(exist_ok=True)
        self._listed.touch()
        _ip("netns", "add", self.name)
        _ip("-n", self.name, "link", "set", "lo", "up")
        for place, link in enumerate(links):
            here, there = f"pr{os.getpid() % 100000}{place}h", f"pr{os.getpid() % 100000}{place}n"
            net = f"10.{200 + os.getpid() % 50}.{place}"
            _ip("link", "add", here, "type", "veth", "peer", "name", there)
            _ip("link", "set", there, "netns", self.name)
            _ip("addr", "add", f"{net}.1/24", "dev", here)
            _ip("link", "set", here, "up")
            _ip("-n", self.name, "addr", "add", f"{net}.2/24", "dev", there)
            _ip("-n", self.name, "link", "set", there, "up")
            self._links[link] = (here, f"{net}.1", f"{net}.2")

    def here(self, link):
        return self._links[link][1]

    def there(self, link):
        return self._links[link][2]

    def cut(self, link):
        """Packets are lost in both directions, without an error to either side."""
        _ip("link", "set", self._links[link][0], "down")

    def mend(self, link):
        _ip("link", "set", self._links[link][0], "up")

    def remove(self):
        """The links go with it."""
        _ip("netns", "del", self.name)
        self._listed.unlink()


class Relay:
    """Carries connections from a link to a server that listens on 127.0.0.1 only."""

    def __init__(self, host, port):
        self._port = port
        self._listener = socket.create_server((host, port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                near.close()
                continue
            for one, other in ((near, far), (far, near)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=_carry, args=(one, other), daemon=True).start()


def _carry(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    for end in (one, other):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def possible():
    """Why it is not; "" if it is."""
    if os.geteuid() != 0:
        return "only root may make networks"
    name = f"pinroute{os.getpid()}try"
    try:
        made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    except FileNotFoundError:
        return "the command ip is missing"
    if made.returncode:
        return "networks may not be made here"
    _ip("netns", "del", name)
    return ""


def _ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
