"""Builds every overlay in k8s/, production with every combination of components, and checks what comes out.

    kubernetes.py KUBECTL PINROUTE

First it damages what it built, once for each rule, and expects the rule to notice.
"""

import base64
import copy
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import kubernetes_validate
import yaml

from faults import end

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ["1.27", kubernetes_validate.latest_version()]
OF_OPERATORS = {"PodMonitor"}  # kinds that come with an operator, of which there is no schema here
PLACEHOLDERS = {
    "PUT-THE-PASSWORD-HERE": "5aNJn2Cq0wV7",
    "PUT-THE-TOKEN-HERE": "5aNJn2Cq0wV7",
    "PUT-THE-KEY-HERE": "5aNJn2Cq0wV7",
    "PASTE: openssl rand -base64 32": "A" * 43 + "=",
}
PER_SECOND = {"ms": 1000, "s": 1, "m": 1 / 60, "h": 1 / 3600}


def release():
    """The version in Cargo.toml."""
    return tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]


def prepare(folder):
    """A copy of k8s/ as its reader leaves it: the examples of secrets copied and filled in."""
    shutil.copytree(ROOT / "k8s", folder, ignore=shutil.ignore_patterns("*.env"))
    examples = list(folder.glob("overlays/*/secrets/*.example"))
    assert examples, "no example of a secret"
    for example in examples:
        text = example.read_text()
        for placeholder, value in PLACEHOLDERS.items():
            text = text.replace(placeholder, value)
        example.with_suffix("").write_text(text)


def build(kubectl, folder):
    """The resources that kustomize makes of a folder."""
    made = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True)
    if made.returncode != 0 or made.stderr.strip():
        sys.exit(f"{folder.name}: {made.stderr.strip()}")
    return list(yaml.safe_load_all(made.stdout))


def builds(kubectl, folder):
    """Every overlay as it is, then production with every combination of components: name and resources."""
    overlays = sorted(path.parent for path in folder.glob("overlays/*/kustomization.yaml"))
    assert [path.name for path in overlays] == ["production", "sandbox"], overlays
    for overlay in overlays:
        yield overlay.name, build(kubectl, overlay)
    components = sorted(path.parent.name for path in folder.glob("components/*/kustomization.yaml"))
    assert components, "no component"
    overlay = folder / "overlays/production/kustomization.yaml"
    text = yaml.safe_load(overlay.read_text())
    for size in range(1, len(components) + 1):
        for chosen in itertools.combinations(components, size):
            text["components"] = [f"../../components/{name}" for name in chosen]
            overlay.write_text(yaml.safe_dump(text))
            yield "production with " + " and ".join(chosen), build(kubectl, overlay.parent)


def of_kind(resources, *kinds):
    return [resource for resource in resources if resource["kind"] in kinds]


def pods(resources):
    """Each resource that makes pods, with their template."""
    return [(it, it["spec"]["template"]) for it in of_kind(resources, "Deployment", "Job")]


def environment(container):
    return {entry["name"]: entry.get("value", "") for entry in container.get("env", [])}


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()
    return int(number) / PER_SECOND[unit]


def configuration(resources):
    (config,) = of_kind(resources, "ConfigMap")
    return config["data"]["pinroute.toml"]


# --- Rules. Each yields its faults.


def follows_the_schema(resources):
    for resource in resources:
        if resource["kind"] in OF_OPERATORS:
            continue
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(resource, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                place = ".".join(map(str, error.path))
                yield f"{resource['kind']} in Kubernetes {version}: {place}: {error.message}"


def is_in_one_namespace(resources):
    (namespace,) = of_kind(resources, "Namespace")
    for resource in resources:
        if resource is not namespace and resource["metadata"].get("namespace") != namespace["metadata"]["name"]:
            yield f"{resource['kind']} is in another namespace"


def is_confined(resources):
    for resource, template in pods(resources):
        name, spec = resource["metadata"]["name"], template["spec"]
        pod = spec.get("securityContext", {})
        if pod.get("runAsNonRoot") is not True or pod.get("runAsUser") != 10001:
            yield f"{name}: does not run as the image's user 10001"
        if pod.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{name}: has no seccomp profile"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{name}: mounts a token of the cluster"
        for container in spec.get("initContainers", []) + spec["containers"]:
            context = container.get("securityContext", {})
            if context.get("readOnlyRootFilesystem") is not True or context.get("allowPrivilegeEscalation") is not False:
                yield f"{name}: its root is writable, or it may gain privileges"
            if context.get("capabilities") != {"drop": ["ALL"]}:
                yield f"{name}: keeps capabilities"


def states_its_resources(resources):
    for resource, template in pods(resources):
        for container in template["spec"]["containers"]:
            stated = container.get("resources", {})
            if not {"cpu", "memory"} <= stated.get("requests", {}).keys() or "memory" not in stated.get("limits", {}):
                yield f"{resource['metadata']['name']}: requests or limits are missing"


def is_of_this_release(resources):
    version = release()
    for resource, template in pods(resources):
        for container in template["spec"]["containers"]:
            _, _, tag = container["image"].rpartition("/")[2].partition(":")
            if tag != version:
                yield f"{resource['metadata']['name']}: the image's tag is {tag or 'latest'}, not {version}"
        if resource["kind"] == "Job" and not resource["metadata"]["name"].endswith("-" + version.replace(".", "-")):
            yield f"{resource['metadata']['name']}: is not named by version {version}"
        if template["metadata"]["labels"].get("app.kubernetes.io/version") != version:
            yield f"{resource['metadata']['name']}: its label says another version"


def probes_ports_that_exist(resources):
    for deployment in of_kind(resources, "Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for probe, path in [("startupProbe", "/livez"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")]:
            asked = container.get(probe, {}).get("httpGet", {})
            if asked.get("path") != path or asked.get("port") != "http":
                yield f"{probe}: does not ask {path} on port http"
        variables = environment(container)
        listens = {"http": "LISTEN", "metrics": "METRICS_LISTEN", "phones": "SIMULATOR_LISTEN"}
        for name, port in ports.items():
            if variables.get("PINROUTE_" + listens[name]) != f"0.0.0.0:{port}":
                yield f"port {name}: the program listens elsewhere"
        named = [port["targetPort"] for it in of_kind(resources, "Service") for port in it["spec"]["ports"]]
        named += [
            port["port"]
            for policy in of_kind(resources, "NetworkPolicy")
            for rule in policy["spec"]["ingress"]
            for port in rule["ports"]
        ]
        named += [end["port"] for it in of_kind(resources, "PodMonitor") for end in it["spec"]["podMetricsEndpoints"]]
        for name in named:
            if name not in ports:
                yield f"port {name}: no container has it"
        (service,) = of_kind(resources, "Service")
        served = {port["name"] for port in service["spec"]["ports"]}
        for ingress in of_kind(resources, "Ingress"):
            for rule in ingress["spec"]["rules"]:
                for path in rule["http"]["paths"]:
                    if path["backend"]["service"]["port"]["name"] not in served:
                        yield "Ingress: the Service has no such port"
                if not f'public_url = "https://{rule["host"]}"' in configuration(resources):
                    yield "Ingress: its host is not that of public_url"


def waits_for_what_is_in_progress(resources):
    for deployment in of_kind(resources, "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        variables = environment(spec["containers"][0])
        needed = seconds(variables["PINROUTE_DRAIN"]) + seconds(variables["PINROUTE_SHUTDOWN_GRACE"])
        if spec["terminationGracePeriodSeconds"] < needed + 5:
            yield f"a stop takes up to {needed:g} s and is cut off after {spec['terminationGracePeriodSeconds']} s"


def selects_its_pods(resources):
    (deployment,) = of_kind(resources, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    others = [template["metadata"]["labels"] for it, template in pods(resources) if it is not deployment]
    for resource in of_kind(resources, "Deployment", "PodDisruptionBudget", "PodMonitor", "Service", "NetworkPolicy"):
        kind, spec = resource["kind"], resource["spec"]
        selector = spec["podSelector"] if kind == "NetworkPolicy" else spec["selector"]
        wanted = (selector if kind == "Service" else selector["matchLabels"]).items()
        if not wanted <= labels.items():
            yield f"{kind}: selects no pod of the Deployment"
        if kind != "NetworkPolicy" and any(wanted <= other.items() for other in others):
            yield f"{kind}: selects the Job's pods too"
    for spread in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]:
        if not spread["labelSelector"]["matchLabels"].items() <= labels.items():
            yield "topologySpreadConstraints: select no pod of the Deployment"
    for scaler in of_kind(resources, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"]) != ("Deployment", deployment["metadata"]["name"]):
            yield "HorizontalPodAutoscaler: scales something else"
        if "replicas" in deployment["spec"]:
            yield "Deployment: its replicas fight with the HorizontalPodAutoscaler"


def replaces_replicas_one_by_one(resources):
    (deployment,) = of_kind(resources, "Deployment")
    strategy = deployment["spec"]["strategy"]
    if of_kind(resources, "PersistentVolumeClaim"):
        if strategy != {"type": "Recreate"} or deployment["spec"].get("replicas") != 1:
            yield "Deployment: two replicas could open one SQLite file"
    elif strategy.get("rollingUpdate") != {"maxUnavailable": 0, "maxSurge": 1}:
        yield "Deployment: an upgrade takes a replica away before another serves"


def finds_its_files(resources):
    """Each file that the settings name is in a Secret, which others than the pod's group cannot read."""
    secrets = {it["metadata"]["name"]: set(it.get("data", {})) for it in of_kind(resources, "Secret")}
    configs = {it["metadata"]["name"] for it in of_kind(resources, "ConfigMap")}
    text = configuration(resources)
    for resource, template in pods(resources):
        name, spec = resource["metadata"]["name"], template["spec"]
        files = set()
        for volume in spec["volumes"]:
            if "configMap" in volume and volume["configMap"]["name"] not in configs:
                yield f"{name}: its ConfigMap does not exist"
            for source in volume.get("projected", {}).get("sources", []):
                if source["secret"]["name"] not in secrets:
                    yield f"{name}: no Secret {source['secret']['name']}"
                files |= secrets.get(source["secret"]["name"], set())
            mode = volume.get("projected", {}).get("defaultMode", 0o400)
            if mode & 0o337:
                yield f"{name}: the secrets' files have mode {mode:o}"
        mounted = {it["name"] for container in spec["containers"] for it in container["volumeMounts"]}
        if mounted != {volume["name"] for volume in spec["volumes"]}:
            yield f"{name}: volumes and mounts differ"
        named = text + " ".join(value for it in spec["containers"] for value in environment(it).values())
        for file in re.findall(r"/run/secrets/pinroute/([\w.-]+)", named):
            if file not in files:
                yield f"{name}: no Secret has the key {file}"


RULES = [
    follows_the_schema,
    is_in_one_namespace,
    is_confined,
    states_its_resources,
    is_of_this_release,
    probes_ports_that_exist,
    waits_for_what_is_in_progress,
    selects_its_pods,
    replaces_replicas_one_by_one,
    finds_its_files,
]


def faults(resources):
    return [(rule, fault) for rule in RULES for fault in rule(resources)]


def accepts_the_configuration(program, resources, folder):
    """Runs `pinroute check-config` with the settings of each container. A warning is a fault too, such as a variable without effect."""
    folder.mkdir()
    folder.chmod(0o700)
    for secret in of_kind(resources, "Secret"):
        for name, value in secret["data"].items():
            (folder / name).write_bytes(base64.b64decode(value))
    place = lambda text: text.replace("/run/secrets/pinroute", str(folder))
    file = folder / "pinroute.toml"
    file.write_text(place(configuration(resources)))
    for resource, template in pods(resources):
        variables = {name: place(value) for name, value in environment(template["spec"]["containers"][0]).items()}
        variables["PINROUTE_CONFIG"] = str(file)
        said = subprocess.run([program, "check-config"], env=variables, capture_output=True, text=True)
        warnings = [line for line in said.stderr.splitlines() if "is an example, which nothing reaches" not in line]
        if said.returncode != 0 or warnings:
            yield f"{resource['metadata']['name']}: check-config: {' '.join(warnings)}"
        mode = "sandbox" if of_kind(resources, "PersistentVolumeClaim") else "live"
        if f"({mode}" not in said.stdout:
            yield f"{resource['metadata']['name']}: check-config does not say {mode}: {said.stdout.strip()}"


def damages():
    """A damage, and the rule that must notice it."""

    def damage(kind, path, value):
        def done(resources):
            (place,) = of_kind(resources, kind)
            *before, last = path
            for step in before:
                place = place[step]
            if value is None:
                del place[last]
            else:
                place[last] = value

        return done

    pod, container = ["spec", "template", "spec"], ["spec", "template", "spec", "containers", 0]
    label = ["spec", "template", "metadata", "labels", "app.kubernetes.io/component"]
    return [
        (follows_the_schema, damage("Deployment", ["spec", "revisionHistory"], 5)),
        (follows_the_schema, damage("NetworkPolicy", ["spec", "policyTypes"], "Ingress")),
        (is_in_one_namespace, damage("Service", ["metadata", "namespace"], "default")),
        (is_confined, damage("Job", [*container, "securityContext"], None)),
        (is_confined, damage("Deployment", [*pod, "securityContext", "runAsUser"], 0)),
        (is_confined, damage("Deployment", [*pod, "automountServiceAccountToken"], True)),
        (states_its_resources, damage("Deployment", [*container, "resources", "requests", "cpu"], None)),
        (is_of_this_release, damage("Deployment", [*container, "image"], "registry.example.com:5000/pinroute:latest")),
        (is_of_this_release, damage("Deployment", [*container, "image"], "registry.example.com:5000/pinroute")),
        (is_of_this_release, damage("Job", ["metadata", "name"], "pinroute-migrate-0-0-9")),
        (probes_ports_that_exist, damage("Deployment", [*container, "readinessProbe", "httpGet", "port"], "web")),
        (probes_ports_that_exist, damage("Service", ["spec", "ports", 0, "targetPort"], "web")),
        (probes_ports_that_exist, damage("Deployment", [*container, "ports", 0, "containerPort"], 8000)),
        (waits_for_what_is_in_progress, damage("Deployment", [*pod, "terminationGracePeriodSeconds"], 25)),
        (selects_its_pods, damage("Deployment", label, "server")),
        (selects_its_pods, damage("Job", label, "gateway")),
        (selects_its_pods, damage("Deployment", ["spec", "replicas"], 3)),
        (replaces_replicas_one_by_one, damage("Deployment", ["spec", "strategy", "rollingUpdate", "maxUnavailable"], 1)),
        (finds_its_files, damage("Deployment", [*pod, "volumes", 1, "projected", "defaultMode"], 0o444)),
        (finds_its_files, damage("Job", [*pod, "volumes", 1, "projected", "sources"], [])),
        (finds_its_files, damage("ConfigMap", ["metadata", "name"], "pinroute-config")),
    ]


def main():
    kubectl, program = sys.argv[1], os.path.abspath(sys.argv[2])
    found, count = [], 0
    with tempfile.TemporaryDirectory(prefix="pinroute-k8s-") as folder:
        prepare(Path(folder, "k8s"))
        for count, (name, resources) in enumerate(builds(kubectl, Path(folder, "k8s")), 1):
            found += [f"{name}: {fault}" for _, fault in faults(resources)]
            if " with " in name:
                continue
            found += [f"{name}: {fault}" for fault in accepts_the_configuration(program, resources, Path(folder, name))]
            if name == "production" and not found:
                for number, (rule, damage) in enumerate(damages(), 1):
                    damaged = copy.deepcopy(resources)
                    damage(damaged)
                    if not any(True for _ in rule(damaged)):
                        found.append(f"{rule.__name__} does not notice damage {number}")
    end(found, f"{count} builds follow {len(RULES)} rules and the schemas of Kubernetes {' and '.join(VERSIONS)}")


if __name__ == "__main__":
    main()
