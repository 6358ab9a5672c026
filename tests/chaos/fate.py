"""What becomes of one message: whether it is taken, how the answer goes wrong, and what is reported afterwards."""


class Fate:
    __slots__ = ("taken", "clear", "cut", "status", "delay", "reports", "twice", "shuffled", "report_after")

    def __init__(self):
        self.taken = True
        self.clear = True
        self.cut = ""  # before the answer, or in the middle of it ("half")
        self.status = 200
        self.delay = 0.005
        self.reports = []  # the words that are reported, in order
        self.twice = False
        self.shuffled = False
        self.report_after = 0.2

    @classmethod
    def draw(cls, random, channel, faults):
        """`faults`: "usual", some of everything, or "many"."""
        fate = cls()
        many = faults == "many"
        fate.delay = random.choice([0.002, 0.01, 0.05, 0.15])
        fate.report_after = random.uniform(0.02, 1.0)
        fate.twice = random.random() < (0.4 if many else 0.1)
        fate.shuffled = random.random() < (0.4 if many else 0.1)
        drawn = random.random()
        fate.reports = cls._reports(random, channel)
        if drawn < (0.20 if many else 0.04):
            # No clear answer, whether or not the message goes out.
            fate.clear = False
            fate.taken = random.random() < 0.6
            fault = random.choice(["5xx", "before", "half", "late", "junk"])
            if fault == "5xx":
                fate.status = random.choice([500, 502, 503])
            elif fault == "late":
                fate.delay, fate.status = 2.5, 504
            elif fault in ("before", "half"):
                fate.cut = fault
        elif drawn < 0.35 and channel == "telegram":
            fate.taken = False
        elif drawn < 0.10:
            fate.taken = False
        elif many and drawn < 0.45:
            # Slow, but in time.
            fate.delay = random.uniform(0.3, 1.2)
        if not fate.taken:
            fate.reports = []
        return fate

    @staticmethod
    def _reports(random, channel):
        if channel == "sms":
            return random.choice([["delivered"]] * 7 + [["failed"]] + [[]] * 2)
        return random.choice([["delivered"]] * 3 + [["delivered", "read"]] * 4 + [["expired"]] * 2 + [[]])
