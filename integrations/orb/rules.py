#!/usr/bin/env python3
"""Checks the orb by the rules that CircleCI's own review of orbs has (RC001 to RC012), and by some of this project.

    integrations/orb/rules.py                   checks orb.yml and its sources; ends with 1 where a rule is broken
    integrations/orb/rules.py --examples DIR    writes the usage of every example to DIR, as a config each

RC006 and RC007 ask whether the two URLs answer, and need the network: they are left out. Needs PyYAML.
"""

import re
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
# The maximum length of a command in YAML (RC009). A longer one must be a script, which shellcheck reads.
COMMAND_LENGTH_MAX = 64
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
COMPONENTS = ("commands", "jobs", "executors", "examples")
SECRETS = re.compile(r"(^|_)(token|secret|password|key)$")


class Orb:
    """The packed orb, its sources, and the version that they are of."""

    def __init__(self, packed, sources, version):
        self.packed = packed
        self.sources = sources
        self.version = version

    @staticmethod
    def read():
        packed = yaml.safe_load((REPOSITORY / "orb.yml").read_text("utf-8"))
        sources = {
            str(path.relative_to(HERE / "src")): path.read_text("utf-8")
            for path in sorted((HERE / "src").rglob("*.*"))
            if path.is_file()
        }
        manifest = (REPOSITORY / "Cargo.toml").read_text("utf-8")
        version = re.search(r'^version = "(.+)"$', manifest, re.MULTILINE)
        if version is None:
            raise SystemExit("error: Cargo.toml has no version")
        return Orb(packed, sources, version.group(1))

    def components(self, *kinds):
        """Yields kind, name and body of every component."""
        for kind in kinds or COMPONENTS:
            for name, body in (self.packed.get(kind) or {}).items():
                yield kind, name, body

    def parameters(self):
        """Yields where a parameter is declared, its name, and its declaration."""
        for kind, component, body in self.components("commands", "jobs", "executors"):
            for name, declared in (body.get("parameters") or {}).items():
                yield f"{kind}/{component}", name, declared


def entries(value, key):
    """Yields every value that stands under a key, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from entries(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from entries(inner, key)


def rc001(orb):
    """The orb says where its sources are."""
    if not (orb.packed.get("display") or {}).get("source_url"):
        yield "display has no source_url"


def rc002(orb):
    """Every component has a description."""
    for kind, name, body in orb.components():
        if not body.get("description"):
            yield f"{kind}/{name} has no description"


def rc003(orb):
    """There is an example."""
    if not orb.packed.get("examples"):
        yield "there is no example"


def rc004(orb):
    """An example is named after what it shows."""
    for _, name, _ in orb.components("examples"):
        if "example" in name:
            yield f"examples/{name} is called an example, which it is anyway"


def rc005(orb):
    """The orb says what it is for."""
    if len(orb.packed.get("description") or "") < 64:
        yield "the orb's description has less than 64 characters"


def rc008(orb):
    """Every run step has a name."""
    for kind, name, body in orb.components("commands", "jobs"):
        for run in entries(body.get("steps"), "run"):
            if not isinstance(run, dict) or not run.get("name"):
                yield f"{kind}/{name} has a run step without a name"


def rc009(orb):
    """A long command is a file of its own."""
    for path, text in orb.sources.items():
        if not path.startswith(("commands/", "jobs/")):
            continue
        for command in entries(yaml.safe_load(text), "command"):
            if len(command) > COMMAND_LENGTH_MAX and "<<include(" not in command:
                yield f"{path} has a command of {len(command)} characters that is not included"


def rc010(orb):
    """Names are in snake_case."""
    for kind, name, _ in orb.components():
        if not SNAKE_CASE.match(name):
            yield f"{kind}/{name} is not in snake_case"
    for place, name, _ in orb.parameters():
        if not SNAKE_CASE.match(name):
            yield f"the parameter {name} of {place} is not in snake_case"


def rc011(orb):
    """Examples show the version that this is, and install installs it."""
    for _, name, body in orb.components("examples"):
        for orbs in entries(body.get("usage"), "orbs"):
            for reference in orbs.values():
                if "/baton@" in reference and not reference.endswith(f"@{orb.version}"):
                    yield f"examples/{name} uses {reference}, and this is version {orb.version}"
    installed = orb.packed["commands"]["install"]["parameters"]["version"]["default"]
    if installed != orb.version:
        yield f"install installs version {installed}, and this is version {orb.version}"


def rc012(orb):
    """No key of a cache has a parameter whose default is a variable: CircleCI does not expand it there."""
    for kind, name, body in orb.components("commands", "jobs"):
        declared = body.get("parameters") or {}
        for key in entries(body.get("steps"), "key"):
            for used in re.findall(r"<<\s*parameters\.(\w+)\s*>>", str(key)):
                if "$" in str((declared.get(used) or {}).get("default", "")):
                    yield f"{kind}/{name} has {used} in a key, and its default is a variable"


def described(orb):
    """Every parameter has a description and a default or a reason to have none: the shortest use is one line."""
    for place, name, declared in orb.parameters():
        if not declared.get("description"):
            yield f"the parameter {name} of {place} has no description"
        if "default" not in declared:
            yield f"the parameter {name} of {place} has no default"
        if declared.get("type") == "enum" and declared.get("default") not in declared.get("enum", []):
            yield f"the default of the parameter {name} of {place} is none of its values"


def secrets_by_name(orb):
    """A secret is passed as the name of its variable."""
    for place, name, declared in orb.parameters():
        if SECRETS.search(name) and declared.get("type") != "env_var_name":
            yield f"the parameter {name} of {place} is a secret, and its type is not env_var_name"


def no_name_of_a_job(orb):
    """No job has a parameter that a workflow takes for itself."""
    for _, name, body in orb.components("jobs"):
        for taken in {"name", "requires", "filters", "context", "type", "matrix"} & set(body.get("parameters") or {}):
            yield f"jobs/{name} has the parameter {taken}, which workflows take for themselves"


def scripts_without_parameters(orb):
    """No script has what CircleCI would take for a parameter."""
    for path, text in orb.sources.items():
        if path.startswith("scripts/") and "<<" in text:
            yield f"{path} has <<, which CircleCI takes for the beginning of a parameter"


RULES = {
    "RC001": rc001,
    "RC002": rc002,
    "RC003": rc003,
    "RC004": rc004,
    "RC005": rc005,
    "RC008": rc008,
    "RC009": rc009,
    "RC010": rc010,
    "RC011": rc011,
    "RC012": rc012,
    "described": described,
    "secrets-by-name": secrets_by_name,
    "no-name-of-a-job": no_name_of_a_job,
    "scripts-without-parameters": scripts_without_parameters,
}


def findings(orb):
    """Returns what is wrong: the rule, and where it is broken."""
    return [(rule, finding) for rule, check in RULES.items() for finding in check(orb)]


def main(arguments):
    orb = Orb.read()
    if arguments[:1] == ["--examples"] and len(arguments) == 2:
        for _, name, body in orb.components("examples"):
            config = yaml.safe_dump(body["usage"], sort_keys=False, allow_unicode=True)
            (Path(arguments[1]) / f"{name}.yml").write_text(config, "utf-8")
        return 0
    if arguments:
        print(f"error: {' '.join(arguments)} is not understood: there is only --examples DIR", file=sys.stderr)
        return 2
    found = findings(orb)
    for rule, finding in found:
        print(f"error: {finding} ({rule}: {RULES[rule].__doc__})", file=sys.stderr)
    print(f"{len(RULES)} rules, {len(found)} broken")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
