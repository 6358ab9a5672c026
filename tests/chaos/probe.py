"""Watches each replica from outside: when it takes a write again, and whether its /readyz flaps."""

import threading
import time

import client
from record import Visit


class Ready:
    """Asks /readyz of each replica ten times a second, from `with` to its end."""

    def __init__(self, world):
        self._world = world
        self._over = threading.Event()
        self._threads = []
        self.first_503 = {}  # seconds from the begin
        self.turns = {}
        self.asked = 0

    def __enter__(self):
        self._begin = time.monotonic()
        for replica in self._world.replicas:
            thread = threading.Thread(target=self._watch, args=(replica,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def away(self):
        """How many replicas have said 503."""
        return len(self.first_503)

    def _watch(self, replica):
        was = 200
        while not self._over.wait(0.1):
            status = client.ask(replica.base, "GET", "/readyz", timeout=5).status
            self.asked += 1
            if status == 503 and replica.name not in self.first_503:
                self.first_503[replica.name] = time.monotonic() - self._begin
            if status != was:
                self.turns[replica.name] = self.turns.get(replica.name, 0) + 1
            was = status


def until_all_write(world, load, record, scenario, since, limit=30.0):
    """Starts a verification at each replica until each has taken one. Returns the seconds since `since`; None: some did not."""
    done = {}
    threads = []
    for replica in world.replicas:
        thread = threading.Thread(target=_until_writes, args=(world, load, record, scenario, replica, since, limit, done), daemon=True)
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    return max(done.values()) if len(done) == len(world.replicas) else None


def _until_writes(world, load, record, scenario, replica, since, limit, done):
    while time.monotonic() - since < limit:
        visit = Visit(load.next_number(), scenario)
        record.add(visit)
        body = {"phone_number": visit.number, "wait": 0}
        answer = client.ask(replica.base, "POST", "/v1/verifications", world.key, body, timeout=5)
        if answer.taken:
            visit.id, visit.started = answer.json()["id"], True
            done[replica.name] = time.monotonic() - since
            return
        time.sleep(0.03)
