"""Postgres and Redis as the scenarios treat them: asked, killed, frozen, emptied, lost."""

import os
import signal
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path


class Postgres:
    """`data`: its folder, if it is a local process that may be stopped; `user` is whom it runs as."""

    def __init__(self, url, binaries, data, user):
        self.url = url
        self.binaries = Path(binaries) if binaries else None
        self.data = Path(data) if data else None
        self.user = user

    @property
    def is_ours(self):
        return self.data is not None

    @property
    def port(self):
        return urllib.parse.urlsplit(self.url).port

    def query(self, sql, timeout=30):
        """Rows of text, whatever the default of new transactions is."""
        program = self.binaries / "psql" if self.binaries and (self.binaries / "psql").exists() else "psql"
        env = {**os.environ, "PGOPTIONS": "-c default_transaction_read_only=off", "PGCONNECT_TIMEOUT": "10"}
        command = [str(program), self.url, "-X", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def restart(self):
        """As after a crash: whatever was not flushed is gone."""
        self._control("restart", "-m", "immediate", "-w", "-l", str(self.data.parent / "postgres.log"))

    def start(self):
        self._control("start", "-w", "-l", str(self.data.parent / "postgres.log"))

    def stop(self):
        self._control("stop", "-m", "immediate", "-w")

    def is_up(self):
        try:
            return self.query("SELECT 1", timeout=10) == [["1"]]
        except (RuntimeError, subprocess.TimeoutExpired):
            return False

    def freeze(self):
        for pid in self._processes():
            _signal(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self._processes():
            _signal(pid, signal.SIGCONT)

    def end_sessions(self):
        """How many there were, but for this one."""
        sql = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return int(self.query(sql)[0][0])

    def read_only(self, on):
        self.query(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if on else 'off'}")
        self.query("SELECT pg_reload_conf()")

    def as_user(self, *command):
        """A command as the user that Postgres runs as."""
        if os.geteuid() == 0:
            return ["runuser", "-u", self.user, "--", *command]
        return list(command)

    def _control(self, verb, *options):
        command = self.as_user(str(self.binaries / "pg_ctl"), verb, "-D", str(self.data), *options)
        done = subprocess.run(
            command, cwd=self.data.parent, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            raise RuntimeError(f"pg_ctl {verb} failed: see {self.data.parent / 'postgres.log'}")

    def _processes(self):
        """The postmaster and its children."""
        postmaster = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        found = [postmaster]
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                except (OSError, IndexError):
                    continue
                if parent == postmaster:
                    found.append(int(entry.name))
        return found


class Redis:
    """`server`: the program, if it is a local process that may be stopped."""

    def __init__(self, url, server, folder):
        self.url = url
        self.server = server
        self.folder = Path(folder)

    @property
    def is_ours(self):
        return bool(self.server)

    @property
    def port(self):
        return urllib.parse.urlsplit(self.url).port

    def ask(self, *words, timeout=5):
        text = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(text.encode())
            return connection.recv(65536)

    def flush(self):
        self.ask("FLUSHALL")

    @property
    def pid(self):
        return int((self.folder / "redis.pid").read_text())

    def kill(self):
        pid = self.pid
        _signal(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}/stat").exists():
            time.sleep(0.02)

    def start(self):
        command = [
            self.server, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder),
            "--daemonize", "yes", "--pidfile", str(self.folder / "redis.pid"), "--logfile", str(self.folder / "redis.log"),
        ]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                if self.ask("PING").startswith(b"+PONG"):
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("Redis does not come back")

    def freeze(self):
        _signal(self.pid, signal.SIGSTOP)

    def thaw(self):
        _signal(self.pid, signal.SIGCONT)


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
