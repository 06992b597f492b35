#!/usr/bin/env python3
"""Turns the report of pkcs11-check into lines "passed TEST" and "failed TEST: why".

Usage: pkcs11_check.py report.jsonl
"""

import json
import re
import sys


def reason(report):
    """The return value that was not expected, or the start of the message."""
    details = report.get("longrepr")
    message = str(details.get("reprcrash", {}).get("message", "")) if isinstance(details, dict) else str(details)
    value = re.search(r"Unexpected CK_RV (CKR_\w+)", message)
    return value[1] if value else " ".join(message.split())[:100].replace(": ", " ")


def main():
    results = {}
    with open(sys.argv[1], encoding="utf-8") as reports:
        for line in reports:
            report = json.loads(line)
            if report.get("$report_type") != "TestReport":
                continue
            name = report["nodeid"].split("testcases/")[-1]
            if report["outcome"] == "failed":
                results[name] = f"failed {name}: {reason(report)}"
            elif report["outcome"] == "passed" and report["when"] == "call":
                results.setdefault(name, f"passed {name}")
    print("\n".join(sorted(results.values())))


main()
