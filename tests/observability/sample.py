"""A stand-in for /metrics: every documented metric with every value of its labels, growing with time."""

import http.server
import itertools
import threading
import time

from documented import SAMPLES


def exposition(metrics, seconds):
    """What a replica would answer `seconds` after its start."""
    lines = []
    for metric in metrics.values():
        lines += [f"# HELP {metric.name} {metric.meaning.replace('`', '')}", f"# TYPE {metric.name} {metric.type}"]
        choices = [metric.values.get(label) or SAMPLES[label] for label in metric.labels]
        for place, values in enumerate(itertools.product(*choices)):
            labels = [f'{label}="{value}"' for label, value in zip(metric.labels, values)]
            lines += render(metric, labels, place, seconds)
    return "\n".join(lines) + "\n"


def render(metric, labels, place, seconds):
    def line(suffix, value, *more):
        inner = ",".join([*labels, *more])
        return f"{metric.name}{suffix}{{{inner}}} {value}" if inner else f"{metric.name}{suffix} {value}"

    count = 10 + int(seconds * 10) + place
    if metric.type == "counter":
        return [line("", count * (1000 if "micros" in metric.name else 1))]
    if metric.type == "gauge":
        return [line("", 1 if metric.name in ("pinroute_ready", "pinroute_build_info", "pinroute_redis_up") else place)]
    bounds = metric.buckets()
    share = [count * (at + 1) // len(bounds) for at in range(len(bounds))]
    rows = [line("_bucket", many, f'le="{bound}"') for bound, many in zip(bounds, share)]
    return [*rows, line("_bucket", count, 'le="+Inf"'), line("_sum", count * bounds[len(bounds) // 2]), line("_count", count)]


def serve(metrics):
    """Serves it on a free port of this machine, and returns the server."""
    began = time.monotonic()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = exposition(metrics, time.monotonic() - began).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
