"""Threads that carry visitors' requests to the replicas, and repeat each one under its Idempotency-Key until it is answered.

A request that gets no answer is put aside and repeated a little later, so a replica's death holds up no other visitor.
"""

import heapq
import itertools
import random
import threading
import time

import client
from visitor import visitor

# For how long a request is repeated. A request that died holds its Idempotency-Key for 30 s.
PATIENCE = 45.0


class _Going:
    """A visitor on the way, with the request that waits for its answer."""

    __slots__ = ("plan", "ask", "key", "since", "tries", "scenario")

    def __init__(self, plan, scenario):
        self.plan = plan
        self.scenario = scenario
        self.ask = None
        self.key = ""
        self.since = 0.0
        self.tries = 0


class Load:
    def __init__(self, world, record, seed, rate, threads=64):
        self.world = world
        self.record = record
        self.seed = seed
        self.rate = rate
        self.scenario = None  # of new visitors; None: there are none
        self.running = None  # to which answers count
        self.bases = None  # instead of the replicas': a proxy's
        self._lock = threading.Condition()
        self._due = []
        self._order = itertools.count()
        self._numbers = itertools.count(random.Random(f"{seed} numbers").randrange(1_000_000))
        self._going = 0
        self._next_at = time.monotonic()
        self._over = False
        self._threads = [threading.Thread(target=self._carry, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def begin(self, scenario, bases=None):
        with self._lock:
            self.scenario, self.running, self.bases = scenario, scenario, bases
            self._next_at = time.monotonic()
            self._lock.notify_all()

    def pause(self):
        """Begins no more visitors; those on the way go on."""
        with self._lock:
            self.scenario, self.bases = None, None

    def finish(self, seconds=15.0):
        """As `pause`, but waits for those on the way, through the same proxy."""
        with self._lock:
            self.scenario = None
        self.wait_until_done(seconds)
        self.pause()

    @property
    def going(self):
        with self._lock:
            return self._going

    def wait_until_done(self, seconds):
        end = time.monotonic() + seconds
        while self.going and time.monotonic() < end:
            time.sleep(0.1)
        return self.going

    def stop(self):
        with self._lock:
            self._over = True
            self._lock.notify_all()

    def next_number(self):
        # Mobile numbers of one operator: ten million of them.
        return "+99890%07d" % (next(self._numbers) % 10_000_000)

    def _take(self):
        with self._lock:
            while not self._over:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    return heapq.heappop(self._due)[2]
                if self.scenario and self._next_at <= now:
                    self._next_at = max(self._next_at + 1 / self.rate, now - 0.5)
                    self._going += 1
                    number = self.next_number()
                    chance = random.Random(f"{self.seed} {number}")
                    plan = visitor(chance, number, self.scenario, self.record, self.world.provider.code_for)
                    return _Going(plan, self.scenario)
                wakes = [self._due[0][0]] if self._due else []
                wakes += [self._next_at] if self.scenario else []
                self._lock.wait(max(0.001, min(wakes) - now) if wakes else 0.2)
            return None

    def _put(self, going, seconds):
        with self._lock:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), going))
            self._lock.notify()

    def _carry(self):
        while (going := self._take()) is not None:
            try:
                self._ask(going)
            except Exception as error:  # noqa: BLE001 - a fault of this program must be seen
                self.record.breaks("fault of the load", None, repr(error), going.scenario)
                self._done()

    def _ask(self, going):
        """Carries one visitor on until it waits for something or is done."""
        answer = None
        while True:
            if going.ask is None or answer is not None:
                seconds = self._step(going, answer)
                if seconds is None:
                    return self._done()
                if seconds:
                    return self._put(going, seconds)
            answer = self._send(going)
            if answer is None:
                return None

    def _send(self, going):
        """The answer, or None if the request was put aside, to be repeated."""
        ask = going.ask
        base = random.choice(self.bases or self.world.bases())
        posts = ask.method == "POST"
        running = self.running
        fault = self.record.of(running).now
        answer = client.ask(base, ask.method, ask.path, self.world.key, ask.body, going.key if posts else None)
        self.record.answered(running, answer, ask, fault)
        if not self._is_open(answer):
            return answer
        if time.monotonic() - going.since < PATIENCE:
            going.tries += 1
            self._put(going, 0.02 if answer.fault == "refused" else min(0.1 * 2**going.tries, 3.0))
            return None
        ask.visit.given_up += 1
        self.record.gave_up(self.running)
        return answer

    @staticmethod
    def _is_open(answer):
        """Whether the answer says neither that it was done nor that it will not be."""
        return answer.status == 0 or answer.status >= 500 or answer.code == "idempotency_in_progress"

    @staticmethod
    def _step(going, answer):
        """Hands the answer to the plan and takes its next request. Returns for how long the visitor waits first; None: it is done."""
        try:
            wanted = going.plan.send(answer)
        except StopIteration:
            return None
        if isinstance(wanted, float):
            going.ask = None
            return wanted
        going.ask = wanted
        going.key = "%032x" % random.getrandbits(128)
        going.since = time.monotonic()
        going.tries = 0
        return 0

    def _done(self):
        with self._lock:
            self._going -= 1
