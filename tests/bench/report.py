#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Joins what submit_bench printed with what icount_plugin counted.

usage: report.py GUEST_OUTPUT PLUGIN_OUTPUT ACI_KO [--json FILE]
All figures are guest instructions per operation.
"""
import json
import re
import subprocess
import sys


def section_sizes(module):
    text = subprocess.run(["size", "-A", "-d", module], check=True, capture_output=True, text=True).stdout
    return {m[1]: int(m[2]) for m in re.finditer(r"^(\.text\S*)\s+(\d+)", text, re.M)}


def main():
    guest, plugin, module = sys.argv[1:4]
    output = open(guest).read()
    names = {int(m[1]): (int(m[2]), m[3]) for m in re.finditer(r"^bench (\d+) (\d+) (.+?)\s*$", output, re.M)}
    sizes = section_sizes(module)
    ranges = [(int(m[2], 16), int(m[2], 16) + sizes.get(m[1], 0))
              for m in re.finditer(r"^section (\S+) (0x[0-9a-f]+)", output, re.M)]
    rows = []
    for line in open(plugin):
        m = re.match(r"region (\d+) user (\d+) kernel (\d+) module (\d+) pages(.*)", line)
        if not m or int(m[1]) not in names:
            continue
        ops, name = names[int(m[1])]
        in_aci = sum(int(count) for page, count in re.findall(r"([0-9a-f]+):(\d+)", m[5])
                     if any(int(page, 16) < end and int(page, 16) + 4096 > start for start, end in ranges))
        user, kernel, modules = int(m[2]), int(m[3]), int(m[4])
        rows.append({"name": name, "operations": ops, "user": user / ops, "kernel": kernel / ops,
                     "modules": modules / ops, "aci": in_aci / ops, "total": (user + kernel + modules) / ops})
    if len(rows) != len(names) or not rows:
        sys.exit("report.py: a region is missing: did the plugin run?")
    floor = next(row["total"] for row in rows if row["name"] == "empty DRM ioctl")
    print(f"{'guest instructions per operation':38} {'total':>9} {'user':>8} {'kernel':>9} {'modules':>8} "
          f"{'aci.ko':>8} {'/ ioctl':>8}")
    for row in rows:
        row["ratio_to_empty_ioctl"] = row["total"] / floor
        print(f"{row['name']:38} {row['total']:9.0f} {row['user']:8.0f} {row['kernel']:9.0f} {row['modules']:8.0f} "
              f"{row['aci']:8.0f} {row['ratio_to_empty_ioctl']:8.2f}")
    if "--json" in sys.argv:
        with open(sys.argv[sys.argv.index("--json") + 1], "w") as file:
            json.dump({"schema_version": 1, "unit": "guest instructions per operation", "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
