"""Checks the YAML files given as arguments, and what the compose files promise.

Kubernetes' manifests begin with a comment that explains them. Compose files pin their images, publish only what is meant for others, mount
what exists, and give a stop enough time.
"""

import re
import sys
from pathlib import Path

import yaml

from faults import end
from kubernetes import seconds

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {"caddy"}  # services that others than this machine may reach
WIDTH = 180


class Strict(yaml.SafeLoader):
    """Refuses a key that is written twice, of which YAML keeps the last."""


def mapping(loader, node, deep=False):
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key} is written twice", node.start_mark)
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


Strict.add_constructor("tag:yaml.org,2002:map", mapping)


def of_text(name, text):
    try:
        documents = list(yaml.load_all(text, Strict))
    except yaml.YAMLError as error:
        yield f"is no YAML: {error}"
        return
    if not documents or None in documents:
        yield "has an empty document"
    if name.startswith("k8s/") and not text.startswith("# "):
        yield "does not begin with a comment that explains it"
    for number, line in enumerate(text.splitlines(), 1):
        if "\t" in line or line != line.rstrip() or len(line) > WIDTH:
            yield f"line {number} has a tab, spaces at its end, or more than {WIDTH} characters"
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield "does not end with one line break"


def of_compose(composition):
    services = composition["services"]
    for name, service in services.items():
        if "extends" in service:
            service = {**services[service["extends"]["service"]], **service}
        image = service.get("image", "")
        if "build" not in service and not re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?", image):
            yield f"{name}: its image {image!r} has no exact version"
        for port in service.get("ports", []):
            if name not in PUBLIC and not port.startswith("127.0.0.1:"):
                yield f"{name}: publishes {port} to everyone"
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./"):
                if not mount.endswith(":ro"):
                    yield f"{name}: may write to {source}"
                if not (ROOT / source).exists() and (ROOT / "k8s/observability").exists():
                    yield f"{name}: {source} does not exist"
            elif source not in composition["volumes"]:
                yield f"{name}: no volume {source}"
        if name.startswith("pinroute"):
            variables = service["environment"]
            grace = variables.get("PINROUTE_SHUTDOWN_GRACE", "20s")
            needed = seconds(variables.get("PINROUTE_DRAIN", "0s")) + seconds(grace)
            if seconds(service["stop_grace_period"]) < needed + 5:
                yield f"{name}: a stop takes up to {needed:g} s and is cut off after {service['stop_grace_period']}"
            trusted = variables.get("PINROUTE_TRUSTED_PROXIES")
            subnets = [it["subnet"] for it in composition.get("networks", {}).get("default", {}).get("ipam", {}).get("config", [])]
            if trusted and yaml.safe_load(trusted) != subnets:
                yield f"{name}: trusts {trusted}, but its network is {subnets}"


def main():
    found = []
    for name in sys.argv[1:]:
        text = (ROOT / name).read_text()
        faults = list(of_text(name, text))
        if not faults and name.startswith("compose"):
            faults += of_compose(yaml.safe_load(text))
        found += [f"{name}: {fault}" for fault in faults]
    end(found, f"{len(sys.argv) - 1} YAML files are well-formed")


if __name__ == "__main__":
    main()
