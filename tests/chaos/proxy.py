"""Caddy or nginx in front of the replicas, configured by its sample in deploy/."""

import os
import subprocess
import time
from pathlib import Path

import client
from world import free_port

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


class Proxy:
    def __init__(self, kind, program, world):
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        folder = world.folder / f"{kind}-{self.port}"
        folder.mkdir()
        upstreams = [f"127.0.0.1:{replica.port}" for replica in world.replicas]
        command, env = (_caddy if kind == "caddy" else _nginx)(program, folder, self.port, upstreams)
        with open(world.folder / f"{kind}.log", "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._listed = world.folder / "pids" / kind
        self._listed.write_text(str(self.process.pid))
        end = time.monotonic() + 30
        while client.ask(self.base, "GET", "/readyz", timeout=5).status != 200:
            if time.monotonic() > end:
                raise RuntimeError(f"{kind} does not answer: see its log")
            time.sleep(0.1)

    def stop(self):
        # nginx ends its workers on this signal.
        self.process.terminate()
        self.process.wait()
        self._listed.unlink()


def _caddy(program, folder, port, upstreams):
    sample = folder / "Caddyfile"
    sample.write_text("{\n\tadmin off\n}\n" + (DEPLOY / "caddy" / "Caddyfile").read_text())
    env = {
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "PINROUTE_SITE": f"http://127.0.0.1:{port}",
        "PINROUTE_UPSTREAMS": " ".join(upstreams),
    }
    return [program, "run", "--adapter", "caddyfile", "--config", str(sample)], env


def _nginx(program, folder, port, upstreams):
    """The sample's upstream and its second server, here without TLS."""
    upstream, _, server = (DEPLOY / "nginx" / "pinroute.conf").read_text().split("\nserver {\n")
    first, *others = upstreams
    more = "".join(f"    server {address} max_fails=1 fail_timeout=5s;\n" for address in others)
    lines = [line for line in upstream.splitlines() if not line.strip().startswith("# server ")]
    upstream = "\n".join(lines).replace("server 127.0.0.1:8080", f"server {first}").replace("    keepalive 64", f"{more}    keepalive 64")
    lines = [line for line in server.splitlines() if "ssl_" not in line and "listen [::]" not in line]
    server = "\n".join(lines).replace("443 ssl http2", f"127.0.0.1:{port}")
    temporary = "".join(f"{what}_temp_path {folder}/{what};\n" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{upstream}\nserver {{\n{server}\n}}\n"
    )
    return [program, "-p", str(folder), "-c", str(folder / "nginx.conf")], {}
