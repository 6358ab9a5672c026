"""The clock of one replica jumps by ten minutes, forth and back, while it runs (libfaketime)."""

import email.utils
import time

import client

NAME = "clock"
SHORT = 10
USUAL = 60

JUMPS = (600, 0, -600, 600, -600, 0)


def missing(world):
    return "" if world.options.faketime else "libfaketime is missing"


def run(stage, seconds):
    world = stage.world
    replica = world.replicas[-1]
    file = world.folder / "faketime"
    file.write_text("+0\n")
    replica.terminate()
    replica.env = {
        "LD_PRELOAD": world.options.faketime,
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    replica.start()
    replica.wait_until_ready()
    try:
        for jump in JUMPS:
            # Replaced at once: a file that is half written would be no time at all.
            fresh = file.with_suffix(".new")
            fresh.write_text(f"{jump:+d}\n")
            fresh.replace(file)
            stage.figures.count("jumps")
            time.sleep(seconds / len(JUMPS))
            off = _offset(replica)
            if off is None or abs(off - jump) > 5:
                stage.breaks("no fault", f"the clock of {replica.name} should be off by {jump} s and is by {off}")
    finally:
        replica.terminate()
        replica.env = {}
        replica.start()
        replica.wait_until_ready()
    if stage.figures.wrong or stage.figures.given_up:
        stage.breaks("failed", f"{stage.figures.wrong} requests failed, {stage.figures.given_up} were given up")


def _offset(replica):
    """By how much the time in its answers is off."""
    for _ in range(5):
        answer = client.ask(replica.base, "GET", "/livez", timeout=5)
        date = email.utils.parsedate_to_datetime(answer.headers["date"]) if "date" in answer.headers else None
        if date is not None:
            return round(date.timestamp() - time.time())
    return None
