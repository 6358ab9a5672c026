"""Checks rules, their tests, the dashboard, the runbooks and docs/metrics.md against each other and against a real Prometheus. Run it by
scripts/observability, which says what it takes."""

import argparse
import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import yaml

import documented
import sample
from documented import ROOT, OF_THE_SCRAPE
from prometheus import Prometheus

FOLDER = ROOT / "k8s/observability"
RULES = FOLDER / "rules.yaml"
TESTS = [FOLDER / "rules_test.yaml", FOLDER / "rules_history_test.yaml"]
RESOURCE = FOLDER / "operator/prometheusrule.yaml"
RUNBOOKS = ROOT / "docs/runbooks"
SEVERITIES = {"critical", "warning"}
# Series that Prometheus makes itself.
FREE = {"up", "ALERTS"}
FREE_LABELS = {"alertname", "alertstate", "severity", "days_ago", "le"}

faults = []


def fault(text):
    faults.append(text)


# --- The resource for the operator, which is a copy


def resource():
    head = (
        "# A copy of rules.yaml for the Prometheus operator, made by `scripts/observability --write`; do not edit.\n"
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: pinroute\n  labels:\n    release: kube-prometheus-stack\nspec:\n"
    )
    lines = RULES.read_text().splitlines()
    lines = lines[lines.index("groups:") :]
    return head + "".join(f"  {line}\n" if line else "\n" for line in lines)


# --- Names and labels


def expressions():
    """Every expression of rules and dashboard, with where it is."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield f"rules.yaml, {rule.get('alert') or rule['record']}", rule["expr"]
    for title, target in panels():
        yield f"dashboard.json, {title}", target["expr"]
    for variable in json.loads((FOLDER / "dashboard.json").read_text())["templating"]["list"]:
        if variable["type"] == "query":
            yield f"dashboard.json, variable {variable['name']}", variable["definition"]
    for path in sorted(RUNBOOKS.glob("*.md")):
        for block in re.findall(r"^```promql\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                yield f"docs/runbooks/{path.name}", line


def panels():
    """The dashboard's queries, with their panels' titles."""
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target


def check_names(metrics, recorded):
    series = {name: metric for metric in metrics.values() for name in metric.series()}
    labels = {label for metric in metrics.values() for label in metric.scraped_labels()}
    labels |= OF_THE_SCRAPE | FREE_LABELS
    used = set()
    for where, text in expressions():
        for name in set(re.findall(r"\bpinroute[_:][a-z0-9_:]+", text)):
            if name in series:
                used.add(series[name].name)
            elif name not in recorded:
                fault(f"{where}: {name} is not in docs/metrics.md, nor recorded by a rule")
        for name, matchers in re.findall(r"\b([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^{}]*)\}", text):
            known = series[name].scraped_labels() if name in series else None
            for label, operator, value in re.findall(r'([a-z_]+)(=~|!~|!=|=)"([^"]*)"', matchers):
                if known is not None and label not in known and label not in OF_THE_SCRAPE | {"le"}:
                    fault(f"{where}: {name} has no label {label}")
                listed = (known or {}).get(label)
                for part in value.split("|"):
                    if listed and part not in listed:
                        fault(f"{where}: {label} of {name} is never {part}")
        for by in re.findall(r"\b(?:by|without|on|group_left)\s*\(([^()]*)\)", text):
            for label in filter(None, (part.strip() for part in by.split(","))):
                if label not in labels:
                    fault(f"{where}: no metric has a label {label}")
    for path in [*RUNBOOKS.glob("*.md"), ROOT / "docs/observation.md"]:
        for name in set(re.findall(r"\bpinroute[_:][a-z0-9_:]+", path.read_text())):
            if name not in series and name not in metrics and name not in recorded:
                fault(f"{path.relative_to(ROOT)}: {name} is not in docs/metrics.md, nor recorded by a rule")
    return used


# --- Alerts, runbooks, tests


def kebab(alert):
    return re.sub(r"(?<!^)(?=[A-Z])", "-", alert.removeprefix("Pinroute")).lower()


def check_alerts(alerts):
    sources = (ROOT / "tests/it/alerts").glob("*.rs")
    rehearsed = {test for path in sources for test in re.findall(r"async fn (\w+)\(stage: Stage\)", path.read_text())}
    names = {kebab(alert["alert"]) for alert in alerts}
    index = (RUNBOOKS / "README.md").read_text()
    for alert in alerts:
        name, runbook = alert["alert"], kebab(alert["alert"])
        if not name.startswith("Pinroute"):
            fault(f"{name}: its name does not begin with Pinroute")
        if alert.get("labels", {}).get("severity") not in SEVERITIES:
            fault(f"{name}: its severity is not one of {sorted(SEVERITIES)}")
        annotations = alert.get("annotations", {})
        for wanted in ("summary", "description", "runbook_url"):
            if not annotations.get(wanted):
                fault(f"{name}: it has no {wanted}")
        if not annotations.get("runbook_url", "").endswith(f"docs/runbooks/{runbook}.md"):
            fault(f"{name}: runbook_url does not end in docs/runbooks/{runbook}.md")
        path = RUNBOOKS / f"{runbook}.md"
        if not path.exists():
            fault(f"{name}: there is no docs/runbooks/{runbook}.md")
            continue
        text = path.read_text()
        test = runbook.replace("-", "_")
        if f"`alerts::{test}`" not in text or test not in rehearsed:
            fault(f"docs/runbooks/{runbook}.md: tests/it/alerts/ has no test {test}, or the page does not name it")
        for part in (f"`{name}`", "## What it means", "## How to see it", "## What to do", "## What not to do", "## Rehearsal"):
            if part not in text:
                fault(f"docs/runbooks/{runbook}.md: it does not have {part}")
        if f"]({runbook}.md)" not in index:
            fault(f"docs/runbooks/README.md: it has no row for {runbook}.md")
    for path in RUNBOOKS.glob("*.md"):
        if path.stem not in names | {"README"}:
            fault(f"docs/runbooks/{path.name}: no alert has this name")


def check_tests(alerts):
    """Each alert has a case that fires and one that does not."""
    fires, quiet = set(), set()
    for path in TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test.get("promql_expr_test", []):
                found = re.fullmatch(r'ALERTS\{alertname="(\w+)"(.*)\}', case["expr"])
                if not found:
                    fault(f"{path.name}, {test['name']}: a case that asks for no alert: {case['expr']}")
                elif not case["exp_samples"]:
                    quiet.add(found[1])
                elif 'alertstate="firing"' in found[2]:
                    fires.add(found[1])
    for alert in alerts:
        if alert["alert"] not in fires:
            fault(f"{alert['alert']}: no test in which it fires")
        if alert["alert"] not in quiet:
            fault(f"{alert['alert']}: no test in which it stays quiet")


def check_dashboard():
    text = (FOLDER / "dashboard.json").read_text()
    for uid in set(re.findall(r'"type": "prometheus",\s*"uid": "([^"]*)"', text)):
        if uid != "${datasource}":
            fault(f"dashboard.json: the data source {uid} is not the variable")
    titles = set()
    for panel in json.loads(text)["panels"]:
        if panel["title"] in titles:
            fault(f"dashboard.json: two panels are named {panel['title']}")
        titles.add(panel["title"])
        if panel["type"] != "row" and not panel.get("description"):
            fault(f"dashboard.json, {panel['title']}: it has no description")
        if panel["type"] not in ("row", "table", "state-timeline") and not panel["fieldConfig"]["defaults"].get("unit"):
            fault(f"dashboard.json, {panel['title']}: it has no unit")
        for target in panel.get("targets", []):
            if panel["type"] in ("timeseries", "bargauge") and not target["legendFormat"]:
                fault(f"dashboard.json, {panel['title']}: a query has no legend")


# --- promtool and Prometheus


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=FOLDER, check=False)
    if done.returncode:
        fault(f"{' '.join(map(str, command[:3]))}:\n{done.stdout}{done.stderr}".rstrip())


def check_exposition(promtool, text, metrics, is_ours):
    """Lints it, and compares it with the table."""
    run(promtool, "check", "metrics", text=text)
    if is_ours:
        return
    for name, type_ in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        if name not in metrics:
            fault(f"{name} is exposed, but not in docs/metrics.md")
        elif metrics[name].type != type_:
            fault(f"{name} is exposed as a {type_}, and a {metrics[name].type} in docs/metrics.md")


def check_answers(program, url, is_sample):
    """A real Prometheus evaluates every expression."""
    with Prometheus(program, url, RULES) as prometheus:
        enough = 'count_over_time(pinroute_build_info{job="pinroute"}[1m]) >= 12'
        prometheus.wait(lambda: prometheus.query(enough), f"{url} cannot be scraped")
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        for rule in rules:
            if rule["health"] != "ok":
                fault(f"rules.yaml, {rule['name']}: {rule['health']} {rule.get('lastError', '')}")
        for where, text in expressions():
            if text.startswith("label_values("):
                metric = re.fullmatch(r"label_values\((.*), \w+\)", text)[1]
                text = metric
            text = text.replace("$__rate_interval", "10s").replace("$__range", "1m")
            text = re.sub(r"\$(job|namespace|instance)\b", ".*", text)
            try:
                found = prometheus.query(text)
            except ValueError as error:
                fault(f"{where}: {error}\n  {text}")
                continue
            # The sample has every metric with every label, but no past.
            if is_sample and where.startswith("dashboard") and not found and "_past:" not in text and "ALERTS" not in text:
                fault(f"{where}: nothing matches\n  {text}")
        return len(rules)


# --- The runbooks' SQL


def check_sql(psql, url):
    """Runs the statements of the runbooks in a database of its own that has all migrations."""
    name = f"pinroute_runbooks_{os.getpid()}"
    run(psql, url, "-qc", f"CREATE DATABASE {name}")
    scratch = re.sub(r"/[^/?]*(\?|$)", rf"/{name}\1", url.split("://", 1)[1], count=1)
    scratch = f"{url.split('://', 1)[0]}://{scratch}"
    count = 0
    try:
        for migration in sorted((ROOT / "migrations/postgres").glob("*.sql")):
            run(psql, scratch, "-q", "-v", "ON_ERROR_STOP=1", "-f", str(migration))
        for path in sorted(RUNBOOKS.glob("*.md")):
            for block in re.findall(r"^```sql\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL):
                count += 1
                before = len(faults)
                run(psql, scratch, "-q", "-v", "ON_ERROR_STOP=1", "-c", f"BEGIN; {block} ROLLBACK;")
                if len(faults) > before:
                    fault(f"docs/runbooks/{path.name}: the statement above fails")
    finally:
        run(psql, url, "-qc", f"DROP DATABASE {name} WITH (FORCE)")
    return count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--promtool", default="promtool")
    parser.add_argument("--prometheus", default="prometheus")
    parser.add_argument("--psql", default="")
    parser.add_argument("--postgres-url", default="")
    parser.add_argument("exposition", nargs="?")
    given = parser.parse_args()
    if given.write:
        RESOURCE.write_text(resource())
        return
    if RESOURCE.read_text() != resource():
        fault(f"{RESOURCE.relative_to(ROOT)} is not a copy of rules.yaml: run scripts/observability --write")
    metrics = documented.read()
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    alerts = [rule for rule in rules if "alert" in rule]
    used = check_names(metrics, {rule["record"] for rule in rules if "record" in rule})
    for name in sorted(set(metrics) - used):
        fault(f"{name}: neither a rule nor the dashboard uses it")
    check_alerts(alerts)
    check_tests(alerts)
    check_dashboard()
    run(given.promtool, "check", "rules", RULES)
    for path in TESTS:
        run(given.promtool, "test", "rules", path)
    check_exposition(given.promtool, sample.exposition(metrics, 60), metrics, True)
    if given.exposition:
        check_exposition(given.promtool, Path(given.exposition).read_text(), metrics, False)
    url = os.environ.get("PINROUTE_METRICS_URL", "")
    if url:
        with urllib.request.urlopen(url, timeout=30) as answer:
            check_exposition(given.promtool, answer.read().decode(), metrics, False)
        check_answers(given.prometheus, url, False)
    else:
        server = sample.serve(metrics)
        check_answers(given.prometheus, f"http://127.0.0.1:{server.server_port}/metrics", True)
        server.shutdown()
    statements = check_sql(given.psql, given.postgres_url) if given.psql and given.postgres_url else None
    if faults:
        sys.exit("\n".join(faults))
    queries = sum(1 for _ in panels())
    print(f"{len(alerts)} alerts with runbooks and tests, {len(rules) - len(alerts)} recorded series, {queries} queries of the dashboard, {len(metrics)} metrics")
    print("The runbooks' SQL was not run: there is no psql." if statements is None else f"{statements} pieces of SQL in the runbooks")


if __name__ == "__main__":
    main()
