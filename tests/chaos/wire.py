"""HTTP/1.1 as a provider speaks it: requests with a length, and answers that can break off in the middle."""

import json


def read_request(connection, buffer):
    """The path and the body, or None at the end of the connection."""
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        if not _more(connection, buffer):
            return None
    head = bytes(buffer[:end]).decode("latin-1").split("\r\n")
    length = 0
    for line in head[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    while len(buffer) < end + 4 + length:
        if not _more(connection, buffer):
            return None
    body = bytes(buffer[end + 4 : end + 4 + length])
    del buffer[: end + 4 + length]
    return head[0].split(" ")[1], body


def write_answer(connection, status, body, half=False):
    """Whether the connection is kept."""
    text = (body if isinstance(body, str) else json.dumps(body)).encode()
    head = f"HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n"
    whole = head.encode() + text
    connection.sendall(whole[: len(whole) - len(text) // 2 - 1] if half else whole)
    return not half


def _more(connection, buffer):
    chunk = connection.recv(65536)
    buffer.extend(chunk)
    return bool(chunk)
