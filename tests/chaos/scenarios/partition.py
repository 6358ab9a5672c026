"""One replica loses its link to Postgres, then the one to Redis: packets vanish, and no connection is refused."""

import time

import client
from network import Network, Relay, possible
from probe import Ready
from record import Visit
from visitor import Ask

NAME = "partition"
SHORT = 20
USUAL = 40


def missing(_world):
    return possible()


def run(stage, seconds):
    world = stage.world
    replica = world.replicas[-1]
    network = Network(world.folder, ["site", "postgres", "redis"])
    relays = []
    try:
        for link, port in (("site", world.provider.port), ("postgres", world.postgres.port), ("redis", world.redis.port)):
            if link != "site":
                relays.append(Relay(network.here(link), port))
        replica.terminate()
        usual = replica.host
        replica.host = network.there("site")
        replica.prefix = ["ip", "netns", "exec", network.name]
        providers = f"http://{network.here('site')}:{world.provider.port}"
        replica.env = {
            "PINROUTE_DATABASE_URL": world.postgres.url.replace("127.0.0.1", network.here("postgres")),
            "PINROUTE_REDIS_URL": world.redis.url.replace("127.0.0.1", network.here("redis")),
            "PINROUTE_TELEGRAM__BASE_URL": f"{providers}/telegram",
            "PINROUTE_SMS__PROVIDERS__0__URL": f"{providers}/sms/alpha",
            "PINROUTE_SMS__PROVIDERS__1__URL": f"{providers}/sms/beta",
        }
        replica.start()
        replica.wait_until_ready()
        away = min(10.0, seconds / 3)
        with stage.fault("cut from Postgres"):
            _cut_from_postgres(stage, network, replica, away)
        with stage.fault("cut from Redis"):
            _cut_from_redis(stage, network, away)
    finally:
        replica.terminate()
        replica.host, replica.prefix, replica.env = usual, [], {}
        replica.start()
        replica.wait_until_ready()
        for relay in relays:
            relay.stop()
        network.remove()


def _cut_from_postgres(stage, network, replica, away):
    worst, answers = 0.0, 0
    network.cut("postgres")
    end = time.monotonic() + away
    while time.monotonic() < end:
        visit = Visit(stage.load.next_number(), stage.scenario)
        stage.record.add(visit)
        answer = client.ask(replica.base, "POST", "/v1/verifications", stage.world.key, {"phone_number": visit.number, "wait": 0})
        if answer.taken:
            visit.id, visit.started = answer.json()["id"], True
        worst = max(worst, answer.seconds)
        stage.record.answered(stage.scenario, answer, Ask("POST", "/v1/verifications", None, visit), stage.figures.now)
        answers += 1
        if answer.status != 503:
            stage.breaks("no 503", f"a write at the replica that was cut off: {answer.status} {answer.fault} after {answer.seconds:.1f} s")
        time.sleep(0.1)
    network.mend("postgres")
    stage.figures.count("cuts from Postgres")
    stage.back("the link was mended", time.monotonic())
    stage.say(f"cut off from Postgres for {away:.0f} s: {answers} writes there answered with 503 after {worst:.2f} s at most")


def _cut_from_redis(stage, network, away):
    with Ready(stage.world) as ready:
        network.cut("redis")
        time.sleep(away)
        network.mend("redis")
        stage.figures.count("cuts from Redis")
        time.sleep(2)
    failed = stage.figures.failed_by.get(stage.figures.now, 0)
    for name in ready.first_503:
        stage.breaks("flaps", f"/readyz of {name} is 503, and only Redis was cut off")
    if failed:
        stage.breaks("failed", f"{failed} requests failed while one replica was cut off from Redis")
