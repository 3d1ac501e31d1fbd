#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Joins what aci_bench printed with what icount_plugin counted.

usage: report.py boot GUEST_OUTPUT PLUGIN_OUTPUT ACI_KO --json FILE [--kernel RELEASE] [--host OUTPUT]
       report.py median REPORT.json... [--json FILE]

The JSON is described in tests/bench/README.md. "median" prints the tables and
the bars; its exit status is 1 if a bar is missed.
"""
import argparse
import json
import math
import re
import statistics
import subprocess
import sys

SCHEMA = "aci-bench"
SCHEMA_VERSION = 3
FIGURES = ("total", "user", "kernel", "modules", "aci")

# (what, figure, comparison, limit); a limit that is a pair is a factor of another figure.
BARS = (
    ("kernel queue depth 64", "total", "<=", 2500),
    ("kernel queue depth 64", "aci", "<=", 900),
    ("kernel queue depth 64, arrays of 64", "total", "<=", 1500),
    ("kernel queue depth 1", "total", "<=", (0.75, "NVMe passthrough depth 1")),
    ("user queue depth 1", "total", "<=", 150),
    ("user queue depth 64", "total", "<=", 150),
    ("copy 1 MiB, against memcpy", "value", ">=", 0.9),
    ("copy 16 MiB, against memcpy", "value", ">=", 0.9),
    ("copy 64 MiB, against memcpy", "value", ">=", 0.9),
    ("copy 256 MiB, against memcpy", "value", ">=", 0.9),
    ("copy 16 MiB in scattered 4 KiB pages, against memcpy", "value", ">=", 0.9),
    ("high priority start, 1 s matmul running, processor time, p99", "value", "<=", 2000),
    ("slope of submit over mapped BOs", "value", "<=", 0.05),
    ("slope of submit over queues", "value", "<=", 0.05),
    ("slope of submit over VMs", "value", "<=", 0.05),
    ("slope of VM_BIND over mappings", "value", "<=", 0.15),
    ("growth of scheduler request over pending, in user space", "value", "<=", 0.02),
)


def text_sections(module, guest):
    """Where the module's text was in the guest: (first, last) addresses."""
    sizes = subprocess.run(["size", "-A", "-d", module], check=True, capture_output=True, text=True).stdout
    size = {m[1]: int(m[2]) for m in re.finditer(r"^(\.\S+)\s+(\d+)", sizes, re.M)}
    return [(int(m[2], 16), int(m[2], 16) + size.get(m[1], 0) - 1)
            for m in re.finditer(r"^section (\S+) (0x[0-9a-f]+)", guest, re.M)]


def read_regions(counts, sections):
    """What each region counted, by figure."""
    for user, kernel, modules, pages in re.findall(r"^region user (\d+) kernel (\d+) module (\d+) pages(.*)",
                                                   counts, re.M):
        # Text of modules is laid out in whole pages, so a page belongs to one.
        in_aci = sum(int(count) for page, count in re.findall(r"([0-9a-f]+):(\d+)", pages)
                     if any(int(page, 16) <= last and int(page, 16) + 4095 >= first for first, last in sections))
        yield {"total": int(user) + int(kernel) + int(modules), "user": int(user), "kernel": int(kernel),
               "modules": int(modules), "aci": in_aci}


def read_counts(guest, counts, sections):
    regions = list(read_regions(counts, sections))
    rows = []
    for samples, operations, name in re.findall(r"^(?:bench|samples (\d+)) (\d+) (.+?)\s*$", guest, re.M):
        taken, regions = regions[:int(samples or 1)], regions[int(samples or 1):]
        if len(taken) < int(samples or 1):
            sys.exit("report.py: fewer regions counted than printed")
        rows.append({"name": name, "operations": int(operations) * len(taken),
                     **{key: statistics.median(region[key] for region in taken) / int(operations)
                        for key in FIGURES}})
    if regions:
        sys.exit(f"report.py: {len(regions)} regions counted that were not printed")
    return rows


def slope(points):
    """Of log cost over log n: 0 is constant, 1 linear."""
    return statistics.linear_regression([p[0] for p in points], [p[1] for p in points]).slope


def read_slopes(rows):
    """Rows named "NAME with N THINGS" make slopes; they stay as rows, too."""
    groups = {}
    for row in rows:
        if m := re.fullmatch(r"(.+) with (\d+) (.+)", row["name"]):
            groups.setdefault((m[1].rstrip(","), m[3]), []).append((math.log(int(m[2])), row))
    groups = {key: points for key, points in groups.items() if len(points) > 1}
    return [{"name": f"slope of {what} over {things}{where}", "unit": "log/log",
             "value": slope([(n, math.log(row[figure])) for n, row in points])}
            for (what, things), points in groups.items()
            for figure, where in (("total", ""), ("aci", ", in aci.ko")) if all(row[figure] for _, row in points)] + \
           [{"name": f"growth of {what} over {things}, in user space", "unit": "misfit",
             "value": misfit([(n, row["user"]) for n, row in points])}
            for (what, things), points in groups.items()]


def misfit(points):
    """How far growth is from constant (slope below 0.05: 0) or from a + b log n (1 - R2)."""
    if abs(slope([(n, math.log(cost)) for n, cost in points])) < 0.05:
        return 0.0
    return 1 - statistics.correlation([n for n, _ in points], [cost for _, cost in points]) ** 2


def read_boot(args):
    guest = open(args.files[0]).read()
    rows = read_counts(guest, open(args.files[1]).read(), text_sections(args.files[2], guest))
    printed = guest + (open(args.host).read() if args.host else "")
    values = [{"name": name, "unit": unit, "value": float(value)}
              for unit, value, name in re.findall(r"^value (\S+) (\S+) (.+?)\s*$", printed, re.M)]
    return {"kernel": args.kernel, "boots": 1, "instructions": rows, "values": values + read_slopes(rows)}


def by_name(boots, key):
    """Each name's rows, in the order of the first boot that has it: not every boot runs every topic."""
    rows = {}
    for boot in boots:
        for row in boot[key]:
            rows.setdefault(row["name"], []).append(row)
    return rows.values()


def read_median(args):
    boots = [json.load(open(path)) for path in args.files]
    report = {"kernel": boots[0]["kernel"], "boots": len(boots), "instructions": [], "values": []}
    for same in by_name(boots, "instructions"):
        row = {"name": same[0]["name"], "operations": same[0]["operations"], "boots": len(same)}
        for key in FIGURES:
            row[key] = statistics.median(boot[key] for boot in same)
        row["total_min"], row["total_max"] = (f(boot["total"] for boot in same) for f in (min, max))
        report["instructions"].append(row)
    for same in by_name(boots, "values"):
        numbers = [boot["value"] for boot in same]
        report["values"].append({**same[0], "boots": len(same), "value": statistics.median(numbers),
                                 "min": min(numbers), "max": max(numbers)})
    add_ratios(report["instructions"])
    report["bars"] = [judge(report, *bar) for bar in BARS]
    return report


def add_ratios(rows):
    totals = {row["name"]: row["total"] for row in rows}
    for row in rows:
        peer = re.sub(r"^(kernel|user) queue (depth \d+).*", r"NVMe passthrough \2", row["name"])
        row["ratio_to_empty_ioctl"] = row["total"] / totals["empty DRM ioctl"]
        row["ratio_to_nvme"] = row["total"] / totals[peer] if peer in totals and peer != row["name"] else None


def find(report, name, figure):
    for row in report["instructions"] + report["values"]:
        if row["name"] == name and figure in row:
            return row[figure]
    return None


def judge(report, name, figure, comparison, limit):
    text = ""
    if isinstance(limit, tuple):
        factor, peer = limit
        text = f" ({factor} of {peer})"
        other = find(report, peer, figure)
        limit = factor * other if other is not None else None
    is_value = find(report, name, figure)
    known = is_value is not None and limit is not None
    passed = known and (is_value <= limit if comparison == "<=" else is_value >= limit)
    return {"name": name, "figure": figure, "value": is_value, "comparison": comparison, "limit": limit,
            "note": text.strip(), "pass": passed}


def print_report(report):
    print(f"\nGuest instructions per operation (kernel {report['kernel']}, median of {report['boots']} boots)")
    print(f"{'':52} {'total':>8} {'user':>7} {'kernel':>8} {'modules':>8} {'aci.ko':>7} "
          f"{'/ioctl':>7} {'/NVMe':>6}  {'min..max':>15}")
    for row in report["instructions"]:
        nvme = f"{row['ratio_to_nvme']:.2f}" if row["ratio_to_nvme"] else ""
        print(f"{row['name']:52} {row['total']:8.0f} {row['user']:7.0f} {row['kernel']:8.0f} {row['modules']:8.0f} "
              f"{row['aci']:7.0f} {row['ratio_to_empty_ioctl']:7.2f} {nvme:>6}  "
              f"{row['total_min']:.0f}..{row['total_max']:.0f}")
    print("\nOther figures")
    for row in report["values"]:
        print(f"{row['name']:60} {row['value']:10.4g} {row['unit']:10} {row['min']:.4g}..{row['max']:.4g}")
    print("\nBars")
    for bar in report["bars"]:
        shown = "not measured" if bar["value"] is None else f"{bar['value']:.4g}"
        limit = "?" if bar["limit"] is None else f"{bar['limit']:.4g}"
        print(f"{'held  ' if bar['pass'] else 'MISSED'}  {bar['name']} ({bar['figure']}): {shown} {bar['comparison']} "
              f"{limit} {bar['note']}".rstrip())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("boot", "median"))
    parser.add_argument("files", nargs="+")
    parser.add_argument("--json")
    parser.add_argument("--kernel", default="")
    parser.add_argument("--host")
    args = parser.parse_args()
    report = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION}
    report |= read_boot(args) if args.what == "boot" else read_median(args)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(report, file, indent=1)
            file.write("\n")
    if args.what == "median":
        print_report(report)
        sys.exit(0 if all(bar["pass"] for bar in report["bars"]) else 1)


if __name__ == "__main__":
    main()
