"""A real Prometheus on a free port, with a data folder of its own, that is stopped and removed in the end."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path


class Prometheus:
    """Scrapes `url` every second as job `pinroute`, and evaluates the rules in `rules` as often."""

    def __init__(self, program, url, rules):
        self.program, self.url, self.rules = program, urllib.parse.urlsplit(url), rules

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pinroute-prometheus."))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(self.rules)],
            "scrape_configs": [
                {
                    "job_name": "pinroute",
                    "scheme": self.url.scheme,
                    "metrics_path": self.url.path or "/metrics",
                    "static_configs": [{"targets": [self.url.netloc]}],
                }
            ],
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        self.log = (self.folder / "log").open("w")
        self.process = subprocess.Popen(
            [
                self.program,
                f"--config.file={self.folder}/prometheus.yml",
                f"--storage.tsdb.path={self.folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        try:
            self.wait(lambda: self.get("query", query="vector(1)"), "Prometheus does not respond")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def get(self, what, **parameters):
        """Asks its API. An error that it answers with is a ValueError."""
        body = urllib.parse.urlencode(parameters).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1/{what}", body if parameters else None)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None

    def query(self, expression):
        return self.get("query", query=expression)["result"]

    def wait(self, until, otherwise, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if until():
                    return
            except (OSError, ValueError, KeyError):
                pass
            time.sleep(0.2)
        raise SystemExit(f"{otherwise}\n{(self.folder / 'log').read_text()[-2000:]}")
