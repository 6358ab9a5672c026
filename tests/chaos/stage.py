"""What a scenario works with: the world, the load, chance, and the figures it fills."""

import contextlib
import random
import time

from probe import until_all_write


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

    @contextlib.contextmanager
    def fault(self, what):
        """Counts slow answers to what is at fault meanwhile."""
        self.figures.now = what
        try:
            yield
        finally:
            self.figures.now = ""

    def say(self, text):
        self.figures.notes.append(text)
        print(f"    {self.scenario}: {text}", flush=True)

    def breaks(self, kind, text):
        self.record.breaks(kind, None, text, self.scenario)

    def back(self, what, since):
        """Measures until every replica takes a write again."""
        seconds = until_all_write(self.world, self.load, self.record, self.scenario, since)
        if seconds is None:
            self.breaks("no recovery", f"not every replica takes writes 30 s after {what}")
            return
        self.figures.recoveries.append((what, seconds))

    def steady(self, when, ready):
        """A blink takes no replica out of the rotation: all of them would leave it at once."""
        for name, seconds in ready.first_503.items():
            self.breaks("flaps", f"/readyz of {name} is 503 {when}, after {seconds:.1f} s")
