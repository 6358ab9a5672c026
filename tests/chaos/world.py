"""Three replicas, their stores, their providers, and the site's key."""

import base64
import hashlib
import json
import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import client
from provider import TOKEN, Provider
from replica import Replica

REPLICAS = 3


class World:
    def __init__(self, options, postgres, redis):
        self.options = options
        self.folder = Path(options.folder)
        (self.folder / "pids").mkdir(parents=True, exist_ok=True)
        self.postgres = postgres
        self.redis = redis
        self.binary = str(Path(options.binary).resolve())
        self.provider = Provider(options.seed, self.bases)
        self.config = self.folder / "pinroute.toml"
        self.config.write_text(self._configuration())
        self.replicas = [
            Replica(f"replica-{n}", self.binary, self.config, self.folder, free_port()) for n in range(1, REPLICAS + 1)
        ]
        self.key = None

    def start(self):
        # The first one applies the migrations.
        for replica in self.replicas:
            replica.start()
            replica.wait_until_ready()
        made = self.command("keys", "create", "--project", "default", "--scope", "verify,finance", "--json")
        self.key = json.loads(made)["key"]

    def stop(self):
        """Returns the exit codes of those that did not end well."""
        with ThreadPoolExecutor(REPLICAS) as pool:
            running = [replica for replica in self.replicas if replica.process is not None and replica.process.poll() is None]
            codes = pool.map(Replica.terminate, running)
        self.provider.stop()
        return [code for code in codes if code != 0]

    def bases(self):
        return [replica.base for replica in self.replicas]

    def command(self, *arguments, timeout=120):
        """What a command of the program prints."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("PINROUTE_")}
        command = [self.binary, *arguments, "--config", str(self.config)]
        done = subprocess.run(command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode:
            raise RuntimeError(f"pinroute {' '.join(arguments)}: {done.stderr.strip()[-400:]}")
        return done.stdout

    def get(self, path):
        """From the first replica, which must answer."""
        for _ in range(5):
            answer = client.ask(self.replicas[0].base, "GET", path, self.key, timeout=60)
            if answer.status == 200:
                break
            time.sleep(0.2)
        else:
            raise RuntimeError(f"GET {path}: {answer.status} {answer.fault} {answer.body}")
        return answer.body

    def _configuration(self):
        # Any key will do; the seed's makes a kept database readable later.
        secret = base64.b64encode(hashlib.sha256(f"chaos {self.options.seed}".encode()).digest()).decode()
        base = f"http://127.0.0.1:{self.provider.port}"
        providers = "".join(
            f"""
[[sms.providers]]
name       = "{name}"
kind       = "http"
url        = "{base}/sms/{name}"
json       = {{ to = "{{to}}", code = "{{code}}", ref = "{{attempt_id}}", dlr = "{{callback_url}}" }}
id_pointer = "/message_id"
accept     = {{ pointer = "/status", values = ["ok"] }}
report     = {{ id_pointer = "/message_id", status_pointer = "/status", delivered = ["delivered"], failed = ["failed"] }}
prices     = {{ "*" = "0.05" }}
currency   = "USD"
timeout    = "2s"
"""
            for name in ("alpha", "beta")
        )
        return f"""
public_url    = "https://verify.internal"
database_url  = {json.dumps(self.postgres.url)}
redis_url     = {json.dumps(self.redis.url)}
secret_key    = "{secret}"
unknown_after = "10s"
sandbox       = false

[log]
format = "json"
level  = "warn"

[telegram]
token    = "{TOKEN}"
base_url = "{base}/telegram"
timeout  = "2s"
{providers}
[defaults]
ttl          = "{self.options.ttl}s"
max_sends    = 4
resend_after = "0s"
route        = [ {{ channel = "telegram", wait = "2s" }}, {{ channel = "sms", wait = "3s" }} ]
budget       = {{ period = "month", limit = {{ amount = "1000000", currency = "USD" }} }}
limits       = {{ creates = ["1000/1s"] }}
"""


def free_port():
    """Below the range that outgoing connections are given their ports from."""
    for port in range(17_000 + os.getpid() % 9_000, 31_000):
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError("no port is free")


_given = set()
