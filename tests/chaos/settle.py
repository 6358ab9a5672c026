"""Waits, once the faults are over, until all that was begun has its outcome."""

import time

import client
from load import PATIENCE

UNKNOWN_AFTER = 10


def settle(world, load, record, options):
    """What did not settle in time, in words."""
    left = []
    load.pause()
    if load.wait_until_done(PATIENCE + 30):
        left.append(f"{load.going} visitors are still waiting for an answer")
    if options.short:
        _cancel_the_rest(world, record)
    end = time.monotonic() + options.ttl + 60
    while not world.provider.reports.idle() and time.monotonic() < end:
        time.sleep(0.1)
    while (pending := _count(world, "status = 'pending'")) and time.monotonic() < end:
        time.sleep(0.25)
    if pending:
        left.append(f"{pending} verifications are pending after their time")
    # An unknown outcome counts as charged after a while; questions and reports may come until then.
    end = time.monotonic() + UNKNOWN_AFTER + 30
    while (unsettled := _unsettled(world)) and time.monotonic() < end:
        time.sleep(0.25)
    if unsettled:
        left.append(f"{unsettled} attempts are unsettled")
    return left


def _cancel_the_rest(world, record):
    """So that a short run need not wait until the time of those that were left is over."""
    for visit in record.visits:
        if visit.started and not (visit.approved or visit.canceled or visit.locked):
            path = f"/v1/verifications/{visit.id}/cancel"
            answer = client.ask(world.replicas[0].base, "POST", path, world.key, {})
            visit.canceled = answer.taken


def _count(world, where):
    return int(world.postgres.query(f"SELECT count(*) FROM verifications WHERE {where}")[0][0])


def _unsettled(world):
    return len(world.get("/v1/ledger/unsettled")["items"])
