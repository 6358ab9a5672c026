"""What the programs in Python share: an integration of their own, and requests to it."""

import json
import os
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from surroundings import URL

ADMIN = {"Authorization": "Bearer " + os.environ["PINROUTE_ADMIN_KEY"]}


def call(method, url, headers, body=None):
    """The status and the JSON of the answer. A body that is no text is sent as JSON."""
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
    request = urllib.request.Request(url, method=method, data=body and body.encode())
    request.add_header("Content-Type", "application/json")
    for name, value in headers.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        status, text = refused.code, refused.read()
    return status, json.loads(text) if text else None


class Hook:
    """An integration, for as long as it is entered."""

    def __init__(self, **settings):
        status, made = call("POST", f"{URL}/v1/integrations", ADMIN, {"name": "a test's", **settings})
        assert status == 201, made
        self.secret = made["secret"]
        self.resource = f"{URL}/v1/integrations/{made['id']}"
        self.url = URL + urlsplit(made["url"]).path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        call("DELETE", self.resource, ADMIN)

    def post(self, headers, body):
        return call("POST", self.url, headers, body)

    def rotate(self):
        """A new secret; the old one is good too."""
        status, rotated = call("POST", f"{self.resource}/rotate", ADMIN)
        assert status == 200, rotated
        return rotated["secret"]

    def verified(self, body):
        return call("POST", f"{self.url}/verified", ADMIN, body)


def verification(id):
    status, found = call("GET", f"{URL}/v1/verifications/{id}", ADMIN)
    assert status == 200, found
    return found
