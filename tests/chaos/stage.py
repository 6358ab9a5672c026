"""What a scenario works with: the world, the load, chance, and the figures it fills."""

import random
import time


class Stage:
    def __init__(self, world, load, record, scenario, options):
        self.world = world
        self.load = load
        self.record = record
        self.scenario = scenario
        self.options = options
        self.figures = record.of(scenario)
        self.random = random.Random(f"{options.seed} {scenario}")

    def is_over(self, begin, seconds, faults):
        """A run ends after its seconds, or after so many faults if `--faults` says so."""
        if self.options.faults:
            return faults >= self.options.faults
        return time.monotonic() - begin >= seconds

    def say(self, text):
        self.figures.notes.append(text)
        print(f"    {self.scenario}: {text}", flush=True)

    def breaks(self, kind, text):
        self.record.breaks(kind, None, text, self.scenario)
