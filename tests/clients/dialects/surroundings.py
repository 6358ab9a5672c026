"""What the programs in Python share: a dialect's settings, the steps' names, and what arrives on a simulated phone."""

import json
import os
import time
import urllib.request
from urllib.parse import urlsplit

URL = os.environ["PINROUTE_URL"].rstrip("/")
PHONES = os.environ["PINROUTE_PHONES"].rstrip("/")
PREFIX = os.environ["PINROUTE_PREFIX"]


def dialect(name):
    """The settings that `keys create --json` printed, at PINROUTE_URL whatever host they name."""
    settings = json.loads(os.environ["PINROUTE_DIALECTS"])[name]
    return {**settings, "base_url": URL + urlsplit(settings["base_url"]).path.rstrip("/")}


def step(text):
    print(text, flush=True)


def wait_for(what, fact, seconds=20):
    """The first result of `fact` that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := fact():
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {seconds} s")


class Phone:
    """A number and the messages that it gets from now on. Its last four digits decide what the simulated phone does."""

    def __init__(self, last_four):
        self.number = PREFIX + last_four
        self.read = len(self.messages())

    def messages(self):
        with urllib.request.urlopen(f"{PHONES}/phones/{self.number}/messages") as answer:
            return json.load(answer)["items"]

    def is_silent(self):
        return len(self.messages()) == self.read

    def next_message(self):
        """The message that was not read yet, once it is there. More than one is a fault."""
        items = wait_for(f"a message to {self.number}", lambda: None if self.is_silent() else self.messages())
        self.read += 1
        assert len(items) == self.read, items
        return items[0]
