"""A disk without room for the tables of Postgres: a small tmpfs, as a tablespace. Needs root."""

import os
import subprocess
import time

SIZE = "48m"
TABLES = ("verifications", "ledger", "idempotency", "tallies")


def full(stage, seconds):
    world = stage.world
    if os.geteuid() != 0:
        stage.say("no full disk: only root may mount one")
        return
    folder = world.folder / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        stage.say("no full disk: mount is not permitted here")
        return
    (world.folder / "mounts").mkdir(exist_ok=True)
    (world.folder / "mounts" / "disk").write_text(str(folder))
    subprocess.run(["chown", world.postgres.user, str(folder)], check=True)
    world.postgres.query(f"CREATE TABLESPACE small LOCATION '{folder}'")
    _move(world, "small")
    try:
        ballast = folder / "ballast"
        with open(ballast, "wb") as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
                    file.flush()
            except OSError:
                pass
        before = stage.figures.unavailable
        time.sleep(seconds)
        refused = stage.figures.unavailable - before
        ballast.unlink()
        stage.figures.count("full disks")
        stage.back("a full disk", time.monotonic())
        stage.say(f"a full disk for {seconds} s: {refused} requests were answered with 503")
    finally:
        _move(world, "pg_default")
        world.postgres.query("DROP TABLESPACE small")
        subprocess.run(["umount", str(folder)], check=False)
        (world.folder / "mounts" / "disk").unlink()


def _move(world, space):
    """Moves what requests write, tables and indexes, at once."""
    indexes = world.postgres.query(
        "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename IN (%s)" % ", ".join(f"'{name}'" for name in TABLES)
    )
    moves = [f"ALTER TABLE {name} SET TABLESPACE {space}" for name in TABLES]
    moves += [f"ALTER INDEX {name} SET TABLESPACE {space}" for (name,) in indexes]
    for move in moves:
        world.postgres.query(f"SET lock_timeout = '10s'; {move}")
