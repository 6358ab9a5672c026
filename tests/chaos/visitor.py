"""What a site does for one visitor: a plan of requests, as a generator that is handed each answer.

It yields an `Ask`, which the load repeats under one key until it is answered, or a number of seconds to wait.
"""

from record import Visit

MAX_CHECKS = 5
MAX_SENDS = 4


class Ask:
    __slots__ = ("method", "path", "body", "visit")

    def __init__(self, method, path, body, visit):
        self.method = method
        self.path = path
        self.body = body
        self.visit = visit


def visitor(random, number, scenario, record, messages):
    """`messages(number)` is the code that a phone has received, or None."""
    visit = Visit(number, scenario)
    record.add(visit)
    answer = yield Ask("POST", "/v1/verifications", {"phone_number": number, "wait": random.choice([0, 0, 1, 2])}, visit)
    if not answer.taken:
        return
    visit.id = answer.json()["id"]
    visit.started = True
    path = "/v1/verifications/" + visit.id
    plan = random.choices(["right", "wrong", "resend", "cancel", "leave"], [50, 10, 20, 10, 10])[0]
    if plan == "resend":
        for _ in range(random.randint(1, MAX_SENDS - 1)):
            channel = random.choice([{"channel": "sms"}, {"channel": "telegram"}, {}])
            visit.resends_asked += 1
            answer = yield Ask("POST", path + "/resend", channel, visit)
            if answer.taken:
                visit.resends += 1
        plan = random.choice(["right", "leave"])
    if plan == "right":
        yield from _enter(random, path, visit, record, messages)
    elif plan == "wrong":
        for _ in range(random.randint(1, MAX_CHECKS)):
            yield from _guess(path, visit)
    elif plan == "cancel":
        answer = yield Ask("POST", path + "/cancel", {}, visit)
        visit.canceled = visit.canceled or answer.taken
    if random.random() < 0.5:
        answer = yield Ask("GET", path, None, visit)
        _compare(visit, answer, record)


def _enter(random, path, visit, record, messages):
    for _ in range(25):
        code = messages(visit.number)
        if code:
            break
        yield 0.2
    if not code:
        return
    if random.random() < 0.3:
        yield from _guess(path, visit)
    visit.checks_asked += 1
    answer = yield Ask("POST", path + "/check", {"code": code}, visit)
    if not answer.taken:
        return
    visit.checks += 1
    if answer.json().get("valid"):
        visit.approved = True
        if not answer.json().get("proof"):
            record.breaks("lost", visit.id, "approved without a proof", visit.scenario)
    else:
        record.breaks("lost", visit.id, "the code that was sent is refused", visit.scenario)


def _guess(path, visit):
    visit.checks_asked += 1
    answer = yield Ask("POST", path + "/check", {"code": "000000"}, visit)
    if answer.taken:
        visit.checks += 1
        visit.locked = visit.locked or answer.json().get("status") == "locked"
        visit.approved = visit.approved or bool(answer.json().get("valid"))


def _compare(visit, answer, record):
    """Whichever replica answers has seen what was acknowledged before."""
    if answer.status == 404:
        record.breaks("lost", visit.id, "is not found", visit.scenario)
    if not answer.taken:
        return
    status = answer.json()["status"]
    for promised, word in [(visit.approved, "approved"), (visit.canceled, "canceled")]:
        if promised and status != word:
            record.breaks("lost", visit.id, f"was {word} and reads {status}", visit.scenario)
