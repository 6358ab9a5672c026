"""Providers that answer late, twice, never, by half, with 5xx or junk, and report twice and out of order."""

import time

NAME = "provider"
SHORT = 10
USUAL = 60


def missing(_world):
    return ""


def run(stage, seconds):
    provider = stage.world.provider
    provider.faults = "many"
    before = len(provider.received())
    try:
        time.sleep(seconds)
    finally:
        provider.faults = "usual"
    messages = provider.received()[before:]
    stage.figures.count("unclear answers", sum(not message.clear for message in messages))
    stage.figures.count("messages", len(messages))
    if stage.figures.failed:
        stage.breaks("failed", f"{stage.figures.failed} requests failed while only providers were at fault")
