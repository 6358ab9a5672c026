"""Reads a stream and a file of events with the library of the CloudEvents project."""

import os
from collections import defaultdict

import redis
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

COUNT = int(os.environ["PINROUTE_SINK_EVENTS"])
MASK = "•"


def parsed(text):
    """The library raises what is wrong with an attribute."""
    return JSONFormat().read(CloudEvent, text)


def of_stream():
    connection = redis.Redis.from_url(os.environ["PINROUTE_SINK_REDIS"], decode_responses=True)
    entries = connection.xrange(os.environ["PINROUTE_SINK_STREAM"])
    return [parsed(fields["event"]) for _, fields in entries]


def of_file():
    with open(os.environ["PINROUTE_SINK_FILE"], encoding="utf-8") as lines:
        return [parsed(line) for line in lines]


def check(events):
    assert len(events) == COUNT, len(events)
    assert len({event.get_id() for event in events}) == COUNT
    by_verification = defaultdict(list)
    for event in events:
        assert event.get_specversion() == "1.0"
        assert event.get_datacontenttype() == "application/json"
        assert event.get_source().startswith("https://"), event.get_source()
        assert event.get_time().tzinfo is not None
        assert event.get_extension("project") == "default"
        data = event.get_data()
        assert isinstance(data, dict), data
        if event.get_type().startswith("verification."):
            assert event.get_subject() == data["id"]
            assert MASK in data["phone_number"], data
            by_verification[event.get_subject()].append(event)
        else:
            assert event.get_type() == "budget.reached", event.get_type()
            assert event.get_subject() is None and event.get_extension("sequence") is None
    for mine in by_verification.values():
        sequence = [event.get_extension("sequence") for event in mine]
        assert sequence == sorted(set(sequence)), sequence
        assert [int(one) for one in sequence] == sorted(int(one) for one in sequence)
    return [(event.get_type(), event.get_subject(), event.get_extension("sequence")) for event in events]


streamed = check(of_stream())
print("stream: parsed", len(streamed))
filed = check(of_file())
print("file: parsed", len(filed))
assert streamed == filed
print("both have the same events in the same order")
