"""Redis restarts, is emptied, freezes, or is away for a while. Without it each replica counts for itself: no request may fail."""

import time

from probe import Ready

NAME = "redis"
SHORT = 5
USUAL = 30


def missing(world):
    return "" if world.redis.is_ours else "its Redis is in a container"


def run(stage, seconds):
    redis = stage.world.redis
    pause = seconds / 5
    before = stage.figures.failed
    with Ready(stage.world) as ready:
        redis.kill()
        redis.start()
        stage.figures.count("restarts")
        time.sleep(pause)
        redis.flush()
        stage.figures.count("flushes")
        time.sleep(pause)
        redis.freeze()
        time.sleep(pause)
        redis.thaw()
        stage.figures.count("freezes")
        time.sleep(pause / 2)
        redis.kill()
        time.sleep(pause)
        redis.start()
        stage.figures.count("losses")
        time.sleep(pause / 2)
    for name, after in ready.first_503.items():
        stage.breaks("flaps", f"/readyz of {name} is 503 after {after:.1f} s, and only Redis was away")
    failed = stage.figures.failed - before
    if failed:
        stage.breaks("failed", f"{failed} requests failed while only Redis was away")
