"""Postgres loses its sessions, restarts, freezes, takes no writes, or has no room left on its disk."""

import time

from probe import Ready
from scenarios import disk

NAME = "postgres"
SHORT = 10
USUAL = 90

# /readyz says 503 only after this time.
BLINK = 10.0


def missing(world):
    return "" if world.postgres.is_ours else "its Postgres is in a container"


def run(stage, seconds):
    short = seconds <= 20
    sessions_end(stage, 3 if short else 10)
    restart(stage)
    frozen(stage, 2 if short else 8)
    if not short:
        read_only(stage, min(30.0, seconds / 3))
        with stage.fault("full disk"):
            disk.full(stage, 6)


def sessions_end(stage, seconds):
    """A second apart, each replica loses all its connections."""
    with stage.fault("sessions ended"), Ready(stage.world) as ready:
        for second in range(seconds):
            if second:
                time.sleep(1)
            stage.figures.count("sessions ended", stage.world.postgres.end_sessions())
        stage.back("sessions ended", time.monotonic())
    stage.steady("while sessions ended", ready)


def restart(stage):
    with stage.fault("restart"), Ready(stage.world) as ready:
        stage.world.postgres.restart()
        stage.figures.count("restarts")
        stage.back("a restart", time.monotonic())
    stage.steady("during a restart", ready)


def frozen(stage, seconds):
    with stage.fault("freeze"), Ready(stage.world) as ready:
        stage.world.postgres.freeze()
        time.sleep(seconds)
        stage.world.postgres.thaw()
        stage.figures.count("freezes")
        stage.back(f"{seconds} s frozen", time.monotonic())
    stage.steady("during a freeze", ready)


def read_only(stage, seconds):
    """A managed Postgres that fails over: there, and without writes."""
    with stage.fault("read-only"), Ready(stage.world) as ready:
        stage.world.postgres.read_only(True)
        time.sleep(seconds)
        stage.world.postgres.read_only(False)
        stage.figures.count("fail-overs")
        stage.back(f"{seconds:.0f} s read-only", time.monotonic())
    if ready.first_503:
        first = min(ready.first_503.values())
        stage.say(f"/readyz was 503 from {first:.1f} s on while it was read-only for {seconds:.0f} s")
        if first < BLINK - 1:
            stage.breaks("flaps", f"/readyz is 503 after {first:.1f} s")
