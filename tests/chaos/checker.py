"""Holds the end against every acknowledged answer, the providers' own lists, and the ledger.

Each rule is a function that returns what breaks it: a kind, the verification's id, and words.
"""

import csv
import io
from collections import Counter

from evidence import Evidence, micros
from provider import PRICES
from visitor import MAX_CHECKS, MAX_SENDS

LOST, TWICE, BOOKED, WRONG, STUCK = "lost", "sent twice", "booked twice", "booked wrongly", "stuck"
SENT = ("sent", "delivered", "read", "expired", "undelivered")
UNCLEAR = ("interrupted", "no_answer")


def check(world, record):
    """Everything that is broken, and some sums."""
    evidence = Evidence(world)
    messages = world.provider.received()
    broken = list(rules(record.visits, messages, evidence))
    arrived = messages_by_attempt(messages)
    sums = {
        "verifications": len(evidence.verifications),
        "attempts": len(evidence.attempts),
        "messages_received": len(messages),
        "charged_by_providers": sum(m.charged - m.refunded for m in messages) / 1e6,
        "booked": -sum(_real(entries) for entries in evidence.ledger.values()) / 1e6,
        "booked_for_unknown": sum(_apart(attempt, arrived) for attempt, _ in evidence.attempts.values()) / 1e6,
        "reports": dict(world.provider.reports.answers),
        "reports_given_up": world.provider.reports.given_up,
        "statuses": dict(Counter(v["status"] for v in evidence.verifications.values())),
        "attempt_statuses": dict(Counter(a["status"] for a, _ in evidence.attempts.values())),
    }
    return broken, sums


def rules(visits, messages, evidence):
    yield from nothing_is_lost(visits, evidence)
    yield from nothing_is_stuck(evidence)
    yield from nothing_is_sent_twice(messages, evidence)
    yield from reports_are_kept(messages, evidence)
    yield from nothing_is_booked_twice(messages, evidence)
    yield from sums_agree(evidence)


def nothing_is_lost(visits, evidence):
    for visit in visits:
        if not visit.started:
            continue
        verification = evidence.verifications.get(visit.id)
        if verification is None:
            yield LOST, visit.id, "was acknowledged and is not there"
            continue
        status = verification["status"]
        if verification["phone_number"] != visit.number:
            yield LOST, visit.id, "has another number"
        for promised, word in ((visit.approved, "approved"), (visit.canceled, "canceled")):
            if promised and status != word:
                yield LOST, visit.id, f"was {word} and is {status}"
        sends = MAX_SENDS - verification["sends_left"]
        if not 1 + visit.resends <= sends <= 1 + visit.resends_asked:
            yield LOST, visit.id, f"{visit.resends} resends were accepted of {visit.resends_asked}, and {sends - 1} are kept"
        checks = MAX_CHECKS - verification["checks_left"]
        if not visit.checks <= checks <= visit.checks_asked:
            yield LOST, visit.id, f"{visit.checks} checks were answered of {visit.checks_asked}, and {checks} are kept"
        if visit.locked and status != "locked":
            yield LOST, visit.id, f"was locked and is {status}"
    if len(evidence.verifications) != evidence.rows:
        yield LOST, None, f"the API lists {len(evidence.verifications)} verifications, the database has {evidence.rows}"


def nothing_is_stuck(evidence):
    for id, verification in evidence.verifications.items():
        if verification["status"] == "pending":
            yield STUCK, id, f"is pending; its time was over at {verification['expires_at']}"
        for attempt in verification["attempts"]:
            if attempt["status"] in ("queued", "sending"):
                yield STUCK, id, f"attempt {attempt['id']} is {attempt['status']}"
            if attempt["cost"]["state"] == "estimated":
                yield STUCK, id, f"the cost of attempt {attempt['id']} is open"


def nothing_is_sent_twice(messages, evidence):
    per_attempt = Counter(message.attempt for message in messages)
    per_channel = Counter()
    for message in messages:
        found = evidence.attempts.get(message.attempt)
        if found is None:
            yield LOST, None, f"attempt {message.attempt} was sent and is unknown"
            continue
        if per_attempt[message.attempt] > 1:
            per_attempt[message.attempt] = 0
            yield TWICE, found[1]["id"], f"attempt {message.attempt} arrived more than once"
        if message.taken or not message.clear:
            per_channel[found[1]["id"], message.channel] += 1
    for (id, channel), count in per_channel.items():
        verification = evidence.verifications[id]
        permitted = MAX_SENDS - verification["sends_left"]
        if count > permitted:
            yield TWICE, id, f"{count} messages by {channel}; a start and its resends permit {permitted}"
    received = set(per_attempt)
    for id, (attempt, verification) in evidence.attempts.items():
        if attempt["status"] in SENT and id not in received:
            yield LOST, verification["id"], f"attempt {id} is {attempt['status']} and never arrived at the provider"


def nothing_is_booked_twice(messages, evidence):
    arrived = messages_by_attempt(messages)
    for id, (attempt, verification) in evidence.attempts.items():
        entries = evidence.ledger.get(id, [])
        price = PRICES[attempt["channel"]]
        net = _real(entries)
        charges = Counter((e["kind"], e["basis"]) for e in entries)
        real = sum(n for (kind, basis), n in charges.items() if kind == "charge" and basis != "documented")
        # An estimate that the provider's own figure replaces is taken back first.
        if real - charges["refund", "estimated"] > 1 or not -price <= net <= 0:
            yield BOOKED, verification["id"], f"attempt {id}: net {net / 1e6}, entries {dict(charges)}"
            continue
        message = arrived.get(id)
        if message is not None and message.taken:
            known = message.refunded and ("expired" in message.reported or message.told)
            due = [-message.charged] if not message.refunded else [-message.charged + message.refunded]
            if message.refunded and not known:
                due.append(-message.charged)
            if net not in due:
                yield WRONG, verification["id"], f"attempt {id} ({attempt['status']}): net {net / 1e6}, the provider charged {-due[0] / 1e6}"
        elif net and attempt["reason"] not in UNCLEAR:
            yield WRONG, verification["id"], f"attempt {id} ({attempt['status']}): net {net / 1e6}, and the provider charged nothing"
        cost = attempt["cost"]
        shown = micros(cost["amount"]) if cost["state"] in ("charged", "refund_expected") else 0
        if shown != -net:
            yield WRONG, verification["id"], f"attempt {id} shows {cost['state']} {cost['amount']}, the ledger {net / 1e6}"
    for id in evidence.ledger:
        if id not in evidence.attempts:
            yield WRONG, None, f"the ledger has entries for an unknown attempt: {id}"


def reports_are_kept(messages, evidence):
    """A report answered with 2xx is an acknowledged answer too."""
    for message in messages:
        attempt, verification = evidence.attempts.get(message.attempt, (None, None))
        if attempt is None:
            continue
        for word, kept in (("read", ("read",)), ("delivered", ("delivered", "read")), ("failed", ("undelivered",)), ("expired", ("expired",))):
            if word in message.reported and attempt["status"] not in kept:
                yield LOST, verification["id"], f"attempt {message.attempt} was reported {word} and is {attempt['status']}"
                break


def sums_agree(evidence):
    for name, before in evidence.reports.items():
        if before != evidence.rebuilt[name]:
            yield WRONG, None, f"the report of {name} changes when it is rebuilt: {_difference(before, evidence.rebuilt[name])}"
    rows = list(csv.DictReader(io.StringIO(evidence.reports["costs"])))
    net = sum(_real(entries) for entries in evidence.ledger.values())
    shown = micros(rows[-1]["net"]) if rows else 0
    if shown != -net:
        yield WRONG, None, f"the report of costs says net {shown / 1e6}, the ledger {-net / 1e6}"
    reserved, spent = map(int, evidence.budgets)
    if reserved:
        yield STUCK, None, f"{reserved / 1e6} of the budget is still reserved"
    if spent != -net:
        yield WRONG, None, f"the budget has spent {spent / 1e6}, the ledger {-net / 1e6}"


def messages_by_attempt(messages):
    return {message.attempt: message for message in messages}


def _real(entries):
    """What was booked but for refunds that are only documented."""
    return sum(entry["micros"] for entry in entries if entry["basis"] != "documented")


def _apart(attempt, arrived):
    """What was booked, at its estimate, for a message that may have left, and that the provider did not take."""
    message = arrived.get(attempt["id"])
    if attempt["cost"]["state"] == "charged" and (message is None or not message.taken):
        return micros(attempt["cost"]["amount"])
    return 0


def _difference(before, after):
    changed = [(one, other) for one, other in zip(before.splitlines(), after.splitlines()) if one != other]
    return repr(changed[:2]) if changed else "another number of rows"
