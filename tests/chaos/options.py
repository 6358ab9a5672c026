"""The command line."""

import argparse
import random

from scenarios import ALL


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description="Breaks replicas, stores, providers, clocks and networks under load, and checks that nothing acknowledged is "
        "lost, sent twice or booked twice.",
    )
    parser.add_argument("--scenario", metavar="NAME[,NAME…]", default="all", help=f"all, or of: {', '.join(ALL)} (default: all that are possible here)")
    parser.add_argument("--seconds", type=float, help="how long each scenario runs (default: its own)")
    parser.add_argument("--faults", type=int, help="let `kill` run until it has made so many kills")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="repeats visitors, moments and fates (default: another each time)")
    parser.add_argument("--rate", type=float, default=40, help="visitors a second, of about three requests each (default: 40)")
    parser.add_argument("--short", action="store_true", help="about a minute: kill, postgres, redis, rolling")
    parser.add_argument("--binary", default="target/debug/pinroute", help="the program to test (default: target/debug/pinroute)")
    parser.add_argument("--keep", action="store_true", help="keep logs and data in a folder, which is printed")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    # From scripts/chaos, which starts and finds them.
    for name in ("postgres-url", "postgres-bin", "postgres-data", "postgres-user", "redis-url", "redis-server", "folder", "caddy", "nginx", "faketime"):
        parser.add_argument(f"--{name}", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    # All of this shares the processors, in CI with others.
    # The short form runs with the tests, on machines of any speed: it does not judge times.
    options.slack = float("inf") if options.short else 1.0
    options.ttl = 30 if options.short else 60
    names = [name for name in options.scenario.split(",") if name]
    unknown = [name for name in names if name != "all" and name not in ALL]
    if unknown:
        parser.error(f"no scenario is named {unknown[0]}")
    options.names = list(ALL) if "all" in names else names
    return options
