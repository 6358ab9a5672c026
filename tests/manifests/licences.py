"""Checks the licence and the source of every dependency against deny.toml, from `cargo metadata`, as cargo-deny does."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

from faults import end

ROOT = Path(__file__).resolve().parents[2]
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"  # how Cargo.lock names crates.io, wherever it comes from


def permits(expression, allowed):
    """Whether an SPDX expression can be met with these licences. A slash, of old, means OR."""
    words = re.findall(r"[()]|[\w.+-]+", expression.replace("/", " OR "))

    def alternatives():
        met = together()
        while words and words[0] == "OR":
            words.pop(0)
            met = together() or met
        return met

    def together():
        met = one()
        while words and words[0] == "AND":
            words.pop(0)
            met = one() and met
        return met

    def one():
        word = words.pop(0)
        if word == "(":
            met = alternatives()
            assert words.pop(0) == ")", expression
            return met
        if words and words[0] == "WITH":
            word += " WITH " + words[1]
            del words[:2]
        return word in allowed

    met = alternatives()
    assert not words, expression
    return met


def test_expressions():
    for expression, met in {
        "MIT": True,
        "GPL-3.0-only": False,
        "GPL-2.0 OR MIT": True,
        "MIT/Apache-2.0": True,
        "MIT AND GPL-3.0": False,
        "(GPL-2.0 OR MIT) AND ISC": True,
        "GPL-2.0 OR MIT AND AGPL-3.0": False,
        "Apache-2.0 WITH LLVM-exception OR MIT": True,
        "Apache-2.0 WITH LLVM-exception": False,
    }.items():
        assert permits(expression, {"MIT", "ISC", "Apache-2.0"}) == met, expression


def main():
    test_expressions()
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    allowed = set(rules["licenses"]["allow"])
    banned = {ban["crate"] for ban in rules["bans"]["deny"]}
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    packages = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    faults = []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        if not permits(package["license"] or "none", allowed):
            faults.append(f"{name}: its licence, {package['license']}, is not allowed by deny.toml")
        if package["name"] in banned:
            faults.append(f"{name}: is banned by deny.toml")
        if package["source"] not in (None, REGISTRY):
            faults.append(f"{name}: comes from {package['source']}, not from crates.io")
    if len(packages) < 2:
        faults.append("cargo metadata lists no other package")
    end(faults, f"{len(packages)} packages have allowed licences and come from crates.io")


if __name__ == "__main__":
    main()
