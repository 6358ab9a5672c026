"""What the service says at the end, read through its API, its database and its commands."""

import csv
import io

import client


class Evidence:
    def __init__(self, world):
        self.verifications = _verifications(world)
        self.rows = sum(int(row[0]) for row in world.postgres.query("SELECT count(*) FROM verifications UNION ALL SELECT count(*) FROM past_verifications"))
        self.attempts = {}
        for verification in self.verifications.values():
            for attempt in verification["attempts"]:
                self.attempts[attempt["id"]] = (attempt, verification)
        self.ledger = _ledger(world)
        self.budgets = world.postgres.query("SELECT coalesce(sum(reserved), 0), coalesce(sum(spent), 0) FROM budget_uses WHERE period = 'month'")[0]
        self.reports = _reports(world)
        world.command("report", "rebuild", timeout=600)
        self.rebuilt = _reports(world)


def _verifications(world):
    found = {}
    path = "/v1/verifications?limit=200"
    while path:
        page = world.get(path)
        for verification in page["items"]:
            found[verification["id"]] = verification
        cursor = page.get("next_cursor")
        path = f"/v1/verifications?limit=200&cursor={cursor}" if cursor else None
    return found


def _ledger(world):
    """Entries by attempt, amounts in millionths."""
    answer = client.ask(world.replicas[0].base, "GET", "/v1/ledger.csv", world.key, timeout=300)
    if answer.status != 200:
        raise RuntimeError(f"the ledger: {answer.status} {answer.fault}")
    entries = {}
    for row in csv.DictReader(io.StringIO(answer.body)):
        row["micros"] = micros(row["amount"])
        entries.setdefault(row["attempt_id"], []).append(row)
    return entries


def _reports(world):
    groups = "hour,channel,provider,country"
    return {
        name: world.command("report", name, "--group-by", groups, "--format", "csv", timeout=300) for name in ("costs", "conversion")
    }


def micros(text):
    sign = -1 if text.startswith("-") else 1
    whole, _, fraction = text.lstrip("-").partition(".")
    return sign * (int(whole) * 1_000_000 + int((fraction + "000000")[:6]))
