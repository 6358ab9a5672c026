"""Runs the scenarios one after another on one set of replicas, then checks everything at once. Started by scripts/chaos."""

import json
import os
import signal
import sys
import threading
import time

import checker
import client
import scenarios
from figures import Progress, print_table, summary
from load import Load
from options import parse
from record import Record
from settle import settle
from stage import Stage
from stores import Postgres, Redis
from world import World

# Seconds until a request that needs the database is refused, and until it is taken again.
ANSWERED, RECOVERED = 2.0, 5.0


def main():
    options = parse(sys.argv[1:])
    postgres = Postgres(options.postgres_url, options.postgres_bin, options.postgres_data, options.postgres_user)
    redis = Redis(options.redis_url, options.redis_server, options.folder)
    record = Record()
    world = World(options, postgres, redis)
    # Where scripts/chaos finds what to stop if it is killed.
    listed = world.folder / "pids" / "chaos"
    listed.write_text(str(os.getpid()))
    load = None
    try:
        world.start()
        load = Load(world, record, options.seed, options.rate)
        print(f"seed {options.seed}", flush=True)
        skipped = run(options, world, load, record)
        print("settling", flush=True)
        left = settle(world, load, record, options)
        load.stop()
        broken, sums = checker.check(world, record)
    finally:
        if load is not None:
            load.stop()
        codes = world.stop()
        listed.unlink(missing_ok=True)
    broken = list(_by_scenario(broken, record))
    broken += [("bad exit", None, f"a replica ended with {code} on SIGTERM", "") for code in codes]
    broken += slow(record, options.slack)
    broken += record.broken + [("stuck", None, text, "") for text in left] + panics(world)
    result = summary(options, record, broken, sums, skipped)
    print_table(result)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1, ensure_ascii=False)
    return 1 if broken else 0


def run(options, world, load, record):
    skipped = {}
    for name in scenarios.SHORT if options.short else options.names:
        scenario = scenarios.ALL[name]
        why = scenario.missing(world)
        if why:
            skipped[name] = why
            print(f"{name}: not possible here, {why}", flush=True)
            continue
        seconds = options.seconds or (scenario.SHORT if options.short else scenario.USUAL)
        print(f"{name}: {'until ' + str(options.faults) + ' faults' if options.faults else f'{seconds:.0f} s'}", flush=True)
        stage = Stage(world, load, record, name, options)
        world.provider.scenario = name
        begin = time.monotonic()
        with Progress(name, record, load):
            load.begin(name)
            scenario.run(stage, seconds)
            load.pause()
        record.of(name).seconds = time.monotonic() - begin
    return skipped


def _by_scenario(broken, record):
    """The scenario in which the verification began, if a visitor knows of it."""
    known = {visit.id: visit.scenario for visit in record.visits}
    for kind, id, text in broken:
        yield kind, id, text, known.get(id, "")


def slow(record, slack):
    """A request that cannot be done is refused in time, none hangs, and all is taken again soon."""
    found = []
    for name, figures in record.figures.items():
        for what, seconds in figures.slowest.items():
            if seconds > ANSWERED + slack:
                found.append(("slow 503", None, f"{what or 'between faults'}: {seconds:.2f} s", name))
        for what, seconds in figures.recoveries:
            if seconds > RECOVERED + slack:
                found.append(("slow recovery", None, f"{seconds:.2f} s after {what}", name))
        if figures.late:
            found.append(("hangs", None, f"{figures.late} requests had no answer after {client.TIMEOUT:.0f} s", name))
    return found


def panics(world):
    found = []
    for replica in world.replicas:
        log = (world.folder / f"{replica.name}.log").read_text(errors="replace")
        lines = [line for line in log.splitlines() if "panicked" in line]
        found += [("panic", None, f"{replica.name}: {line[:300]}", "") for line in lines[:3]]
    return found


if __name__ == "__main__":
    # So that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Threads that wait for a provider's or a client's turn have small stacks.
    threading.stack_size(256 * 1024)
    sys.exit(main())
