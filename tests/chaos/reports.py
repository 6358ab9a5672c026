"""Delivery reports to any replica that is there: late, twice, out of order, repeated until one of them takes them."""

import collections
import hashlib
import heapq
import hmac
import itertools
import json
import random
import threading
import time
import urllib.parse

import client

# A provider gives up after this time.
PATIENCE = 60.0


class Reports:
    def __init__(self, bases, token):
        self._bases = bases
        self._key = hashlib.sha256(token.encode()).digest()
        self._lock = threading.Condition()
        self._due = []
        self._order = itertools.count()
        self._over = False
        self.given_up = 0
        self.answers = collections.Counter()
        self._working = 0
        for _ in range(12):
            threading.Thread(target=self._carry, daemon=True).start()

    @staticmethod
    def status_of(message, word):
        """Telegram's RequestStatus."""
        status = {
            "request_id": message.id,
            "phone_number": message.number.lstrip("+"),
            "request_cost": 0.01,
            "delivery_status": {"status": word, "updated_at": int(time.time())},
            "payload": message.attempt,
        }
        if message.refunded:
            status["is_refunded"] = True
        return status

    def plan(self, message, fate):
        if message.channel == "telegram" and fate.reports:
            # What a question is answered from then on.
            message.word = fate.reports[-1]
        if "expired" in fate.reports:
            message.refunded = message.charged
        words = list(fate.reports) * (2 if fate.twice else 1)
        if fate.shuffled:
            words.reverse()
        at = time.monotonic() + fate.report_after
        for place, word in enumerate(words):
            self._put(at + 0.05 * place, (message, word, at, 0))

    def idle(self):
        with self._lock:
            return not self._due and not self._working

    def stop(self):
        with self._lock:
            self._over = True
            self._lock.notify_all()

    def _put(self, at, report):
        with self._lock:
            heapq.heappush(self._due, (at, next(self._order), report))
            self._lock.notify()

    def _carry(self):
        while True:
            with self._lock:
                while not self._over and not (self._due and self._due[0][0] <= time.monotonic()):
                    self._lock.wait(self._due[0][0] - time.monotonic() if self._due else 1.0)
                if self._over:
                    return
                message, word, since, tries = heapq.heappop(self._due)[2]
                self._working += 1
            try:
                answer = self._send(message, word)
            finally:
                with self._lock:
                    self._working -= 1
            self.answers[str(answer.status or answer.fault)] += 1
            if answer.taken:
                message.reported.add(word)
            elif time.monotonic() - since < PATIENCE:
                self._put(time.monotonic() + min(0.2 * 2**tries, 5.0), (message, word, since, tries + 1))
            else:
                self.given_up += 1

    def _send(self, message, word):
        base = random.choice(self._bases())
        path = urllib.parse.urlsplit(message.callback).path
        if message.channel == "sms":
            return client.ask(base, "POST", path, body={"status": word, "message_id": message.id})
        text = json.dumps(self.status_of(message, word))
        stamp = str(int(time.time()))
        signature = hmac.new(self._key, f"{stamp}\n{text}".encode(), hashlib.sha256).hexdigest()
        headers = {"X-Request-Timestamp": stamp, "X-Request-Signature": signature}
        return client.ask(base, "POST", path, body=text.encode(), headers=headers)
