#!/usr/bin/env python3
"""Breaks each rule once, and sees that rules.py says so."""

import copy
import unittest

import rules


def broken(orb, rule):
    """Breaks one rule in a copy of the orb."""
    packed, sources = orb.packed, orb.sources
    persist = packed["commands"]["persist"]
    match rule:
        case "RC001":
            del packed["display"]["source_url"]
        case "RC002":
            del packed["commands"]["attach"]["description"]
        case "RC003":
            packed["examples"] = {}
        case "RC004":
            packed["examples"]["an_example"] = packed["examples"]["approval"]
        case "RC005":
            packed["description"] = "An orb."
        case "RC008":
            persist["steps"].append({"when": {"condition": True, "steps": [{"run": "true"}]}})
        case "RC009":
            sources["commands/long.yml"] = f"steps: [{{run: {{name: Long, command: {'true; ' * 20}}}}}]"
        case "RC010":
            persist["parameters"]["if-no-files"] = persist["parameters"].pop("if_no_files")
        case "RC011":
            packed["examples"]["approval"]["usage"]["orbs"]["baton"] = "baton-ci/baton@0.0.9"
        case "RC012":
            persist["parameters"]["root"]["default"] = "$HOME"
            persist["steps"].append({"save_cache": {"key": "v1-<< parameters.root >>", "paths": ["a"]}})
        case "described":
            del persist["parameters"]["paths"]["default"]
        case "secrets-by-name":
            persist["parameters"]["signing_key"]["type"] = "string"
        case "no-name-of-a-job":
            packed["jobs"]["promote"]["parameters"]["name"] = {"type": "string", "default": "", "description": "A"}
        case "scripts-without-parameters":
            sources["scripts/persist.sh"] += "cat <<END\nEND\n"
        case _:
            raise AssertionError(f"nothing here breaks {rule}")
    return orb


class Rules(unittest.TestCase):
    def test_the_orb_keeps_all_of_them(self):
        self.assertEqual(rules.findings(rules.Orb.read()), [])

    def test_each_is_seen_to_be_broken(self):
        for rule in rules.RULES:
            with self.subTest(rule):
                found = rules.findings(broken(copy.deepcopy(rules.Orb.read()), rule))
                self.assertEqual({name for name, _ in found}, {rule})


if __name__ == "__main__":
    unittest.main()
