"""A replica of the service: a real process, killed and started as often as a scenario likes."""

import os
import signal
import subprocess
import time
from pathlib import Path

import client

# After SIGTERM /readyz is 503 for so long, and the listener open: a proxy that asks it every second looks elsewhere.
DRAIN = "3s"


class Replica:
    def __init__(self, name, binary, config, folder, port, host="127.0.0.1"):
        self.name = name
        self.binary = binary
        self.config = config
        self.folder = Path(folder)
        self.port = port
        self.host = host
        self.prefix = []  # a command to run it by, such as `ip netns exec`
        self.env = {}
        self.process = None
        self._listed = self.folder / "pids" / name

    @property
    def base(self):
        return f"http://{self.host}:{self.port}"

    def start(self):
        env = {name: value for name, value in os.environ.items() if not name.startswith("PINROUTE_")}
        listen = "0.0.0.0" if self.prefix else self.host
        env.update({"PINROUTE_LISTEN": f"{listen}:{self.port}", "PINROUTE_DRAIN": DRAIN, "RUST_BACKTRACE": "1"}, **self.env)
        with open(self.folder / f"{self.name}.log", "ab") as log:
            command = [*self.prefix, self.binary, "--config", str(self.config)]
            self.process = subprocess.Popen(command, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        # Where scripts/chaos finds what to stop if this program is killed.
        self._listed.write_text(str(self.process.pid))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._listed.unlink()

    def terminate(self, seconds=60):
        """Asks it to stop, and returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9
        self._listed.unlink()
        return code

    def wait_until_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if client.ask(self.base, "GET", "/readyz", timeout=5).status == 200:
                return
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}: see its log in {self.folder}")
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not become ready: see its log in {self.folder}")
