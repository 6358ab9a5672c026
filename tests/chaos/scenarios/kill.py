"""kill -9 of one of three replicas every second, restarted at once."""

import time

NAME = "kill"
SHORT = 15
USUAL = 60


def missing(_world):
    return ""


def run(stage, seconds):
    replicas = stage.world.replicas
    begin = time.monotonic()
    kills = 0
    while not stage.is_over(begin, seconds, kills):
        # Each second's kill comes at any moment of it, so that it hits any step of the work.
        time.sleep(max(0.0, begin + kills + stage.random.random() - time.monotonic()))
        replica = stage.random.choice(replicas)
        if replica.process.poll() is not None:
            stage.record.breaks("ended by itself", None, f"{replica.name} with {replica.process.returncode}", NAME)
        replica.kill()
        replica.start()
        kills += 1
        stage.figures.count("kills")
    for replica in replicas:
        replica.wait_until_ready()
