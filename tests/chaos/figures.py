"""Progress while it runs, and the table at the end."""

import threading
import time

KINDS = ("lost", "sent twice", "booked twice", "booked wrongly", "stuck")


class Progress:
    """A line every few seconds."""

    def __init__(self, name, record, load, every=5.0):
        self._name = name
        self._record = record
        self._load = load
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._print, daemon=True)

    def __enter__(self):
        self._begin = time.monotonic()
        self._thread.start()

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _print(self):
        figures = self._record.of(self._name)
        while not self._over.wait(self._every):
            faults = " ".join(f"{name} {count}" for name, count in figures.faults.items())
            print(
                f"  {self._name} {time.monotonic() - self._begin:4.0f} s  acknowledged {figures.acknowledged}  503 {figures.unavailable}  "
                f"no answer {figures.unanswered}  on the way {self._load.going}  {faults}",
                flush=True,
            )


def summary(options, record, broken, sums, skipped):
    rows = {}
    for name, figures in record.figures.items():
        mine = [kind for kind, _, _, scenario in broken if scenario == name]
        rows[name] = {
            "seconds": round(figures.seconds, 1),
            "faults": figures.faults,
            "requests": figures.requests,
            "acknowledged": figures.acknowledged,
            "refused": figures.refused,
            "refusals": figures.refusals,
            "held": figures.held,
            "unavailable": figures.unavailable,
            "unanswered": figures.unanswered,
            "late": figures.late,
            "other_5xx": figures.wrong,
            "given_up": figures.given_up,
            "worst_503": round(figures.worst_503, 2),
            "slowest_503": {what: round(seconds, 2) for what, seconds in figures.slowest.items()},
            "worst_answer": round(figures.worst, 2),
            "worst_recovery": round(max(s for _, s in figures.recoveries), 2) if figures.recoveries else None,
            "notes": figures.notes,
            **{kind.replace(" ", "_"): mine.count(kind) for kind in KINDS},
        }
    return {
        "seed": options.seed,
        "rate": options.rate,
        "scenarios": rows,
        "skipped": skipped,
        "sums": sums,
        "broken": [{"kind": kind, "verification": id, "what": text, "scenario": scenario} for kind, id, text, scenario in broken],
    }


def print_table(result):
    columns = [
        ("scenario", lambda name, _: name),
        ("s", lambda _, row: f"{row['seconds']:.0f}"),
        ("acknowledged", lambda _, row: row["acknowledged"]),
        ("lost", lambda _, row: row["lost"]),
        ("sent twice", lambda _, row: row["sent_twice"]),
        ("booked twice", lambda _, row: row["booked_twice"]),
        ("wrongly", lambda _, row: row["booked_wrongly"]),
        ("503", lambda _, row: row["unavailable"]),
        ("no answer", lambda _, row: row["unanswered"]),
        ("worst 503", lambda _, row: f"{row['worst_503']:.2f} s" if row["unavailable"] else "-"),
        ("recovery", lambda _, row: f"{row['worst_recovery']:.2f} s" if row["worst_recovery"] is not None else "-"),
        ("given up", lambda _, row: row["given_up"]),
        ("faults", lambda _, row: ", ".join(f"{name} {count}" for name, count in row["faults"].items()) or "-"),
    ]
    cells = [[title for title, _ in columns]]
    cells += [[str(of(name, row)) for _, of in columns] for name, row in result["scenarios"].items()]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    print()
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    for name, row in result["scenarios"].items():
        if len(row["slowest_503"]) > 1:
            print(f"  {name}: slowest 503 by what was at fault: " + ", ".join(f"{what or 'between'} {s:.2f} s" for what, s in row["slowest_503"].items()))
        for note in row["notes"]:
            print(f"  {name}: {note}")
    for name, why in result["skipped"].items():
        print(f"  {name}: not possible here, {why}")
    sums = result["sums"]
    print(
        f"\n{sums['verifications']} verifications, {sums['attempts']} attempts, {sums['messages_received']} messages received; charged by providers "
        f"{sums['charged_by_providers']:.2f}, booked {sums['booked']:.2f}, of which for messages that may have left {sums['booked_for_unknown']:.2f}"
    )
    print(f"reports by answer: {sums['reports']}; given up after a minute: {sums['reports_given_up']}")
    broken = result["broken"]
    if not broken:
        print(f"Every promise was kept (seed {result['seed']}).")
        return
    print(f"\n{len(broken)} broken (seed {result['seed']}):")
    for item in broken[:50]:
        print(f"  {item['kind']}: {item['verification'] or '-'} {item['what']} [{item['scenario'] or '?'}]")
    if len(broken) > 50:
        print(f"  and {len(broken) - 50} more")
