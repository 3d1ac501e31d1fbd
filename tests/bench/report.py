#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Joins what submit_bench printed with what icount_plugin counted.

usage: report.py GUEST_OUTPUT PLUGIN_OUTPUT ACI_KO [--json FILE]
       report.py --median REPORT.json... [--json FILE]
All figures are guest instructions per operation.
"""
import argparse
import json
import re
import statistics
import subprocess
import sys

FIGURES = ("total", "user", "kernel", "modules", "aci")


def text_sections(module, guest):
    """Where the module's text was in the guest: (first, last) addresses."""
    sizes = subprocess.run(["size", "-A", "-d", module], check=True, capture_output=True, text=True).stdout
    size = {m[1]: int(m[2]) for m in re.finditer(r"^(\.\S+)\s+(\d+)", sizes, re.M)}
    return [(int(m[2], 16), int(m[2], 16) + size.get(m[1], 0) - 1)
            for m in re.finditer(r"^section (\S+) (0x[0-9a-f]+)", guest, re.M)]


def read_boot(guest_path, plugin_path, module):
    guest = open(guest_path).read()
    names = {int(m[1]): (int(m[2]), m[3]) for m in re.finditer(r"^bench (\d+) (\d+) (.+?)\s*$", guest, re.M)}
    sections = text_sections(module, guest)
    rows = []
    for m in re.finditer(r"^region (\d+) user (\d+) kernel (\d+) module (\d+) pages(.*)", open(plugin_path).read(), re.M):
        if int(m[1]) not in names:
            continue
        operations, name = names[int(m[1])]
        # Text of modules is laid out in whole pages, so a page belongs to one.
        in_aci = sum(int(count) for page, count in re.findall(r"([0-9a-f]+):(\d+)", m[5])
                     if any(int(page, 16) <= last and int(page, 16) + 4095 >= first for first, last in sections))
        user, kernel, modules = (int(m[i]) for i in (2, 3, 4))
        counts = {"total": user + kernel + modules, "user": user, "kernel": kernel, "modules": modules, "aci": in_aci}
        rows.append({"name": name, "operations": operations, **{key: counts[key] / operations for key in FIGURES}})
    if not rows or len(rows) != len(names):
        sys.exit("report.py: a region is missing: did the plugin run?")
    return rows


def read_median(paths):
    boots = [json.load(open(path))["rows"] for path in paths]
    rows = []
    for same in zip(*boots):
        row = {"name": same[0]["name"], "operations": same[0]["operations"], "boots": len(same)}
        for key in FIGURES:
            row[key] = statistics.median(boot[key] for boot in same)
        row["total_min"], row["total_max"] = (f(boot["total"] for boot in same) for f in (min, max))
        rows.append(row)
    return rows


def print_table(rows):
    floor = next(row["total"] for row in rows if row["name"] == "empty DRM ioctl")
    print(f"{'guest instructions per operation':38} {'total':>8} {'user':>8} {'kernel':>8} {'modules':>8} {'aci.ko':>8} "
          f"{'/ empty ioctl':>14} {'min..max of total':>19}")
    for row in rows:
        row["ratio_to_empty_ioctl"] = row["total"] / floor
        span = f"{row['total_min']:.0f}..{row['total_max']:.0f}" if "total_min" in row else ""
        print(f"{row['name']:38} " + " ".join(f"{row[key]:8.0f}" for key in FIGURES) +
              f" {row['ratio_to_empty_ioctl']:14.2f} {span:>19}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--median", action="store_true")
    parser.add_argument("--json")
    args = parser.parse_args()
    rows = read_median(args.files) if args.median else read_boot(*args.files)
    print_table(rows)
    if args.json:
        with open(args.json, "w") as file:
            json.dump({"schema_version": 1, "unit": "guest instructions per operation", "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
