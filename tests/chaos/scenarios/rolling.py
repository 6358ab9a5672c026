"""The replicas are restarted one after another, behind Caddy, then behind nginx: no request fails."""

import time

from proxy import Proxy

NAME = "rolling"
SHORT = 15
USUAL = 60


def missing(world):
    return "" if world.options.caddy or world.options.nginx else "neither Caddy nor nginx is installed"


def run(stage, seconds):
    options = stage.world.options
    # Visitors of earlier scenarios ask the replicas themselves, and would find one that is away.
    stage.load.pause()
    kinds = [kind for kind in ("caddy", "nginx") if getattr(options, kind)]
    if seconds < 30:
        kinds = kinds[:1]
    for kind in kinds:
        _behind(stage, kind, getattr(options, kind), seconds / len(kinds))


def _behind(stage, kind, program, seconds):
    proxy = Proxy(kind, program, stage.world)
    failed = stage.figures.failed
    acknowledged = stage.figures.acknowledged
    restarts = 0
    try:
        stage.load.begin(stage.scenario, [proxy.base])
        begin = time.monotonic()
        while restarts < len(stage.world.replicas) or time.monotonic() - begin < seconds:
            replica = stage.world.replicas[restarts % len(stage.world.replicas)]
            code = replica.terminate()
            if code != 0:
                stage.breaks("bad exit", f"{replica.name} ended with {code} on SIGTERM")
            replica.start()
            replica.wait_until_ready()
            # Until the proxy has seen that it is back.
            time.sleep(1.5)
            restarts += 1
            stage.figures.count(f"restarts behind {kind}")
        stage.load.finish()
    finally:
        proxy.stop()
    failed = stage.figures.failed - failed
    stage.say(f"behind {kind}: {restarts} restarts, {stage.figures.acknowledged - acknowledged} acknowledged, {failed} failed")
    if failed:
        stage.breaks("failed", f"{failed} requests failed behind {kind}")
