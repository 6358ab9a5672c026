"""What the service has acknowledged, and what it was asked without an answer: the checker holds the end against it."""

import threading


class Visit:
    """One visitor: what was asked for, and what was promised."""

    __slots__ = (
        "number", "scenario", "id", "started", "approved", "canceled", "locked", "checks", "checks_asked", "resends",
        "resends_asked", "given_up",
    )

    def __init__(self, number, scenario):
        self.number = number
        self.scenario = scenario
        self.id = None
        self.started = False
        self.approved = False
        self.canceled = False
        self.locked = False
        self.checks = 0  # answered, each of which used up a try
        self.checks_asked = 0
        self.resends = 0  # accepted
        self.resends_asked = 0
        self.given_up = 0


class Figures:
    """Of one scenario."""

    def __init__(self):
        self.seconds = 0.0
        self.faults = {}
        self.requests = 0
        self.acknowledged = 0
        self.refused = 0  # a clear answer that is no 2xx
        self.refusals = {}
        self.held = 0  # by an earlier request under the same Idempotency-Key
        self.unavailable = 0  # 503
        self.unanswered = 0
        self.late = 0  # of these, those that were waited for in vain
        self.wrong = 0  # any other 5xx
        self.given_up = 0
        self.now = ""  # what is at fault at the moment
        self.worst_503 = 0.0
        self.failed_by = {}  # requests without an answer, or with a 5xx, by the same
        self.slowest = {}  # the slowest 503 by what was at fault
        self.worst = 0.0
        self.recoveries = []
        self.notes = []

    def count(self, fault, times=1):
        self.faults[fault] = self.faults.get(fault, 0) + times

    @property
    def failed(self):
        return self.unavailable + self.unanswered + self.wrong


class Record:
    def __init__(self):
        self.lock = threading.Lock()
        self.visits = []
        self.figures = {}
        self.broken = []  # promises that an answer broke at once

    def of(self, scenario):
        with self.lock:
            return self.figures.setdefault(scenario, Figures())

    def add(self, visit):
        with self.lock:
            self.visits.append(visit)

    def breaks(self, kind, visit_id, text, scenario=""):
        with self.lock:
            self.broken.append((kind, visit_id, text, scenario))

    def gave_up(self, scenario):
        figures = self.of(scenario)
        with self.lock:
            figures.given_up += 1

    def answered(self, scenario, answer, ask, fault=""):
        """`fault`: what was at fault when the request was sent."""
        figures = self.of(scenario)
        with self.lock:
            figures.requests += 1
            figures.worst = max(figures.worst, answer.seconds)
            if answer.status == 0 or answer.status >= 500:
                figures.failed_by[fault] = figures.failed_by.get(fault, 0) + 1
            if answer.taken:
                figures.acknowledged += 1
            elif answer.status == 503:
                figures.unavailable += 1
                figures.worst_503 = max(figures.worst_503, answer.seconds)
                figures.slowest[fault] = max(figures.slowest.get(fault, 0.0), answer.seconds)
            elif answer.status == 0:
                figures.unanswered += 1
                if answer.fault == "late":
                    figures.late += 1
            elif answer.status == 500:
                self.broken.append(("internal error", ask.visit.id, f"500 {answer.code} to {ask.method} {ask.path}", scenario))
                figures.wrong += 1
            elif answer.status > 500:
                figures.wrong += 1
                figures.refusals[str(answer.status)] = figures.refusals.get(str(answer.status), 0) + 1
            elif answer.code == "idempotency_in_progress":
                figures.held += 1
            else:
                figures.refused += 1
                figures.refusals[answer.code] = figures.refusals.get(answer.code, 0) + 1
