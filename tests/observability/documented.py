"""What docs/metrics.md says: one row of its table per metric, with the values that its labels can have."""

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TYPES = {"counter", "gauge", "histogram"}
# What the scrape adds. Prometheus renames a metric's own label that is named like one of these.
OF_THE_SCRAPE = {"job", "namespace", "instance"}
# Labels whose values come from the configuration or from outside: some, for samples.
SAMPLES = {
    "version": ["0.1.0"],
    "provider": ["telegram", "main"],
    "country": ["UZ", "001"],
    "currency": ["USD"],
    "kind": ["zitadel"],
    "sink": ["stream"],
}


@dataclass
class Metric:
    name: str
    type: str
    labels: list
    meaning: str
    values: dict = field(default_factory=dict)  # of the labels whose values are listed

    def series(self):
        """The names under which Prometheus keeps it."""
        if self.type == "histogram":
            return [self.name + suffix for suffix in ("_bucket", "_sum", "_count")]
        return [self.name]

    def scraped_labels(self):
        """Its labels as Prometheus knows them, with their listed values."""
        return {f"exported_{label}" if label in OF_THE_SCRAPE else label: self.values.get(label) for label in self.labels}

    def buckets(self):
        if self.name == "pinroute_commit_group_changes":
            return [1, 2, 4, 8, 16, 32, 64, 128, 256]
        return [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]


def read():
    """All metrics by name."""
    metrics = {}
    for line in (ROOT / "docs/metrics.md").read_text().splitlines():
        if not line.startswith("| `pinroute_"):
            continue
        name, type_, labels, meaning = (cell.strip() for cell in line.strip("|").split("|"))
        name = name.strip("`")
        metric = Metric(name, type_, re.findall(r"`([a-z_]+)`", labels), meaning)
        assert name not in metrics, f"docs/metrics.md: two rows for {name}"
        assert type_ in TYPES, f"docs/metrics.md: {name} is of no known type: {type_}"
        assert (type_ == "counter") == name.endswith("_total"), f"docs/metrics.md: {name} is a {type_}"
        for label in metric.labels:
            listed = re.search(rf"`{label}`: ((?:`[^`]+`(?:, )?)+)", meaning)
            if listed:
                metric.values[label] = re.findall(r"`([^`]+)`", listed[1])
            else:
                assert label in SAMPLES, f"docs/metrics.md: {name} does not list the values of {label}"
        metrics[name] = metric
    assert len(metrics) > 40, "docs/metrics.md: the table was not found"
    return metrics
