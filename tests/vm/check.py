#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# Run the suites of tests/vm/suites (or --from FILE), add up their results and close with the
# line "N passed, N failed, N skipped". Started by tests/vm/check.
#
#	check [--from FILE] [--list] [--update-counts] [-v] [SUITE[/KERNEL]...]
#
# Beyond what ktap.py counts as a failure: an exit status other than 0 without
# a failed test, a skip that tests/expected-skips does not know, fewer passed
# tests than tests/expected-counts says, and a suite that is missing there.

import argparse
import fnmatch
import os
import shlex
import subprocess
import sys
import time

import ktap

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SKIPS = os.path.join(TOP, "tests/expected-skips")
COUNTS = os.path.join(TOP, "tests/expected-counts")
BOOT_STATUS = {
    89: "aci.ko does not load", 90: "something is not built",
    91: "time limit reached", 92: "the guest died",
    93: "unannounced kernel warnings", 94: "a virtual card failed",
    95: "this machine lacks something", 124: "time limit reached",
}


def entries(path, fields, sep="|"):
    """The lines of a list file, split; comments and blanks left out."""
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            parts = [part.strip() for part in line.split(sep, fields - 1)]
            if len(parts) != fields:
                sys.exit(f"error: {path}:{number}: {fields} fields expected")
            yield parts


class Suite:
    """One suite on one kernel (or in the root, then without a kernel)."""

    def __init__(self, base, where, kernel, options, command):
        self.base = base
        self.name = f"{base}/{kernel}" if kernel else base
        self.where = where
        self.kernel = kernel
        self.options = shlex.split(options)
        self.command = command
        self.dir = os.path.join(TOP, "build/run", self.name.replace("/", "-"))

    def run(self, verbose):
        """Run it; return (exit status, lines of output)."""
        out = None if verbose else subprocess.DEVNULL
        if self.where == "vm":
            argv = [os.path.join(HERE, "boot"), "--kernel", self.kernel,
                    "--name", os.path.basename(self.dir), *self.options,
                    "--", "sh", "-c", self.command]
            status = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out,
                                    check=False).returncode
        else:
            status = self.run_in_root(verbose)
        try:
            with open(os.path.join(self.dir, "output.log"), encoding="utf-8",
                      errors="replace") as log:
                return status, log.readlines()
        except OSError:
            return status, []

    def run_in_root(self, verbose):
        limit = "600"
        if "--timeout" in self.options:
            limit = self.options[self.options.index("--timeout") + 1]
        os.makedirs(self.dir, exist_ok=True)
        log = os.path.join(self.dir, "output.log")
        with open(log, "wb") as output:
            status = subprocess.run(
                ["timeout", "-k", "10", limit, "sh", "-c", self.command],
                cwd=TOP, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, check=False).returncode
        if verbose:
            subprocess.run(["cat", log], check=False)
        return status


def read_suites(path):
    suites = []
    for name, where, kernels, options, command in entries(path, 5):
        if where == "root":
            suites.append(Suite(name, where, "", options, command))
        elif where == "vm":
            suites += [Suite(name, where, kernel, options, command)
                       for kernel in kernels.split()]
        else:
            sys.exit(f"error: {path}: '{name}' runs in '{where}'")
    return suites


def judge(suite, status, counts, skips, minima):
    """Turn what must not happen silently into failures."""
    for name, reason in list(counts.skipped):
        if not any(fnmatch.fnmatchcase(suite.name, s) and
                   fnmatch.fnmatchcase(name, t) and
                   fnmatch.fnmatchcase(reason, r) for s, t, r in skips):
            counts.skipped.remove((name, reason))
            counts.failed.append(f"{name}: skip is not in expected-skips: {reason}")
    if status != 0 and not counts.failed:
        counts.failed.append(f"exit status {status}: {BOOT_STATUS.get(status, 'of the command')}")
    elif status in BOOT_STATUS:
        counts.failed.append(BOOT_STATUS[status])
    minimum = minima.get(suite.name, minima.get(suite.base))
    if minimum is None:
        counts.failed.append("suite has no line in expected-counts")
    elif len(counts.passed) < minimum and not counts.failed:
        counts.failed.append(
            f"{len(counts.passed)} passed, expected-counts says {minimum} at least")
    return counts


def update_counts(results):
    """Write the counts of this run, keeping those of suites not run."""
    counts = dict(entries(COUNTS, 2, sep=" "))
    head = ("# SPDX-License-Identifier: MIT\n#\n"
            "# Tests that must pass in each suite, at least. Written by\n"
            "# \"tests/vm/check --update-counts\"; a drop needs a reason in the commit.\n\n")
    for suite, result in results:
        counts[suite.name] = str(len(result.passed))
    with open(COUNTS, "w", encoding="utf-8") as out:
        out.write(head)
        out.writelines(f"{name} {count}\n" for name, count in sorted(counts.items()))


def main():
    os.environ["CMOCKA_MESSAGE_OUTPUT"] = "TAP"
    parser = argparse.ArgumentParser(prog="tests/vm/check")
    parser.add_argument("--from", dest="path", metavar="FILE",
                        default=os.path.join(HERE, "suites"),
                        help="the list of suites")
    parser.add_argument("--list", action="store_true", help="list the suites")
    parser.add_argument("--update-counts", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true",
                        help="show the output of the tests")
    parser.add_argument("suites", nargs="*")
    args = parser.parse_args()
    suites = read_suites(args.path)
    if args.suites:
        unknown = [a for a in args.suites
                   if not any(a in (s.name, s.base) for s in suites)]
        if unknown:
            sys.exit(f"error: no such suite: {' '.join(unknown)}")
        suites = [s for s in suites if s.name in args.suites or s.base in args.suites]
    if args.list:
        print("\n".join(s.name for s in suites))
        return 0

    skips = list(entries(SKIPS, 3))
    minima = {name: int(count) for name, count in entries(COUNTS, 2, sep=" ")}
    results = []
    for number, suite in enumerate(suites, 1):
        print(f"==> [{number}/{len(suites)}] {suite.name}", flush=True)
        start = time.monotonic()
        status, lines = suite.run(args.verbose)
        counts = judge(suite, status, ktap.parse(lines), skips,
                       minima if not args.update_counts else {suite.name: 0})
        results.append((suite, counts))
        print(f"    {len(counts.passed)} passed, {len(counts.failed)} failed, "
              f"{len(counts.skipped)} skipped in {time.monotonic() - start:.0f} s",
              flush=True)
        for name in counts.failed:
            print(f"    FAILED {suite.name}: {name}", flush=True)
        if counts.failed and not args.verbose:
            sys.stdout.writelines("    | " + line for line in lines[-40:])
            print(f"    (output in {os.path.relpath(suite.dir, TOP)})", flush=True)
    if args.update_counts:
        update_counts(results)

    passed, failed, skipped = (
        sum(len(getattr(counts, kind)) for _, counts in results)
        for kind in ("passed", "failed", "skipped"))
    if failed:
        print("\nfailed:")
        for suite, counts in results:
            for name in counts.failed:
                print(f"  {suite.name}: {name}")
    if not results:
        print("error: no suite ran", file=sys.stderr)
        failed = 1
    summary = f"{passed} passed, {failed} failed, {skipped} skipped"
    with open(os.path.join(TOP, "build/run/summary"), "w", encoding="utf-8") as out:
        print(summary, file=out)
    print(summary, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
