"""Stand-ins for two SMS providers and the Telegram Gateway: they record what they receive, charge it, and answer with faults.

Each message's fate is decided by the seed, its number and how many came before it, so a run can be repeated.
"""

import json
import random
import socket
import threading
import time

from fate import Fate
from reports import Reports
from wire import read_request, write_answer

TOKEN = "AAEFchaosTOKENofTheGatewayAAAAAAAAAAAAAAAAAAAA"
PRICES = {"telegram": 10_000, "sms": 50_000}


class Message:
    """A message as the provider has received it."""

    __slots__ = (
        "at", "channel", "provider", "attempt", "number", "code", "id", "callback", "taken", "charged", "refunded", "clear",
        "word", "reported", "told", "scenario",
    )

    def __init__(self, channel, provider, attempt, number, code, callback):
        self.at = time.monotonic()
        self.channel = channel
        self.provider = provider
        self.attempt = attempt
        self.number = number
        self.code = code
        self.callback = callback
        self.id = ""
        self.taken = False  # the message goes out and is charged
        self.clear = True  # the answer said so, or said that it does not
        self.charged = 0
        self.refunded = 0
        self.word = "sent"
        self.reported = set()  # the words of reports that were answered with 2xx
        self.told = False  # a question for its status was answered; a success that is reported is no question
        self.scenario = None


class Provider:
    def __init__(self, seed, bases):
        self.seed = seed
        self.faults = "usual"
        self.scenario = None
        self.messages = []
        self._by_id = {}
        self._codes = {}
        self._count = {}
        self._lock = threading.Lock()
        self.reports = Reports(bases, TOKEN)
        self._listener = socket.create_server(("0.0.0.0", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def code_for(self, number):
        with self._lock:
            return self._codes.get(number)

    def received(self):
        with self._lock:
            return list(self.messages)

    def stop(self):
        self._listener.close()
        self.reports.stop()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(120)
            buffer = bytearray()
            try:
                while (request := read_request(connection, buffer)) is not None:
                    if not self._answer(connection, *request):
                        return
            except (OSError, ValueError):
                return

    def _answer(self, connection, path, body):
        """Whether the connection is kept."""
        asked = json.loads(body)
        if path.startswith("/telegram/"):
            method = path.rsplit("/", 1)[1]
            if method != "sendVerificationMessage":
                return write_answer(connection, 200, self._told(method, asked))
            message = Message("telegram", "telegram", asked["payload"], asked["phone_number"], asked["code"], asked.get("callback_url"))
        else:
            message = Message("sms", path.rsplit("/", 1)[1], asked["ref"], asked["to"], asked["code"], asked["dlr"])
        fate = self._receive(message)
        time.sleep(fate.delay)
        if fate.cut == "before":
            return False
        status, answer = self._words(message, fate)
        return write_answer(connection, status, answer, half=fate.cut == "half")

    def _receive(self, message):
        with self._lock:
            n = self._count[message.number] = self._count.get(message.number, 0) + 1
            fate = Fate.draw(random.Random(f"{self.seed} {message.number} {n}"), message.channel, self.faults)
            message.scenario = self.scenario
            message.taken = fate.taken
            message.clear = fate.clear
            message.id = str(222_370_177_540_000 + len(self.messages))
            message.charged = PRICES[message.channel] if fate.taken else 0
            self.messages.append(message)
            self._by_id[message.id] = message
            if fate.taken:
                self._codes[message.number] = message.code
        if fate.taken:
            # Even if the answer never comes; and some reports come before it.
            self.reports.plan(message, fate)
        return fate

    @staticmethod
    def _words(message, fate):
        if not fate.clear:
            return fate.status, {"error": "busy"} if fate.status >= 500 else "<html>Welcome</html>"
        if message.channel == "telegram":
            if not message.taken:
                return 200, {"ok": False, "error": "PHONE_NUMBER_NOT_AVAILABLE"}
            return 200, {"ok": True, "result": Reports.status_of(message, "sent")}
        if not message.taken:
            return 400, {"status": "rejected"}
        return 200, {"status": "ok", "message_id": message.id}

    def _told(self, method, asked):
        """A question for the status, a success, or a message taken back."""
        with self._lock:
            message = self._by_id.get(asked.get("request_id"))
        if message is None:
            return {"ok": False, "error": "REQUEST_ID_INVALID"}
        if method == "revokeVerificationMessage":
            return {"ok": True, "result": True}
        if not asked.get("code"):
            message.told = True
        result = Reports.status_of(message, message.word)
        if asked.get("code"):
            result["verification_status"] = {"status": "code_valid", "updated_at": int(time.time())}
        return {"ok": True, "result": result}
