# SPDX-License-Identifier: MIT
#
# Count the results in the output of a test program: TAP 13 or KTAP 1, with
# indented subtests. Only leaves are counted. Whatever makes a count doubtful
# (no plan, a plan not kept, no test at all, "Bail out!") is a failure.

import re
from dataclasses import dataclass, field

VERSION = re.compile(r"(K?TAP) version \d+\s*$")
PLAN = re.compile(r"1\.\.(\d+)(?:\s*#\s*SKIP\b\s*(.*))?\s*$", re.I)
RESULT = re.compile(r"(not )?ok\b\s*(\d+)?\s*(?:- )?\s*(.*)$")
SKIP = re.compile(r"^(.*?)\s*#\s*SKIP\b[:\s]*(.*)$", re.I)


@dataclass
class Counts:
    passed: list = field(default_factory=list)     # names
    failed: list = field(default_factory=list)     # names
    skipped: list = field(default_factory=list)    # (name, reason)


@dataclass
class Node:
    name: str
    ok: bool
    skip: str | None
    children: list


class Level:
    """The results of one indentation, until its parent's result comes."""

    def __init__(self, indent):
        self.indent = indent
        self.plan = None
        self.skip_all = None
        self.nodes = []

    def problems(self):
        if self.skip_all is not None and not self.nodes:
            return []
        if self.plan is None:
            return ["no plan"] if self.nodes else []
        if self.plan != len(self.nodes):
            return [f"plan of {self.plan} tests, but {len(self.nodes)} results"]
        return []


class Parser:
    def __init__(self):
        self.counts = Counts()
        self.levels = []
        self.orphans = None     # a finished level that waits for its parent
        self.seen_any = False

    def feed(self, line):
        text = line.rstrip("\r\n").expandtabs()
        body = text.lstrip(" ")
        indent = len(text) - len(body)
        if VERSION.match(body):
            self.close(indent)
            if indent == 0:
                self.finish_document()
            self.open(indent)
        elif plan := PLAN.match(body):
            level = self.open(indent)
            if level.plan is not None:
                self.fail("second plan in a row")
            level.plan = int(plan.group(1))
            level.skip_all = plan.group(2) if level.plan == 0 else None
        elif body.startswith("Bail out!"):
            self.fail(body)
        elif (result := RESULT.match(body)) and self.plausible(indent):
            self.result(indent, *result.groups())

    def plausible(self, indent):
        """Indented prose that begins with "ok" is not a result."""
        return indent == 0 or any(l.indent == indent for l in self.levels)

    def open(self, indent):
        self.close(indent)
        if not self.levels or self.levels[-1].indent < indent:
            self.levels.append(Level(indent))
        return self.levels[-1]

    def close(self, indent):
        """Deeper levels end here; the deepest waits for its parent."""
        while self.levels and self.levels[-1].indent > indent:
            level = self.levels.pop()
            if self.orphans is not None:
                self.lost(self.orphans)
            self.orphans = level

    def result(self, indent, negated, number, rest):
        level = self.open(indent)
        self.seen_any = True
        skip = SKIP.match(rest)
        name = (skip.group(1) if skip else rest.split(" # ")[0]).strip(" -")
        children, self.orphans = self.orphans, None
        node = Node(name or f"test {number or len(level.nodes) + 1}",
                    not negated, skip.group(2).strip() if skip else None, [])
        if children:
            node.children = children.nodes
            node.children += [Node(p, False, None, []) for p in children.problems()]
        if number and int(number) != len(level.nodes) + 1:
            node.children.append(
                Node(f"result number {number} out of order", False, None, []))
        level.nodes.append(node)

    def lost(self, level):
        for node in level.nodes:
            self.count(node, "")
        self.fail("subtests without a result of their parent")

    def finish_document(self):
        self.close(-1)
        level, self.orphans = self.orphans, None
        if level is None:
            return
        if level.skip_all is not None and not level.nodes:
            self.seen_any = True
            self.counts.skipped.append(("all", level.skip_all or ""))
        for node in level.nodes:
            self.count(node, "")
        for problem in level.problems():
            self.fail(problem)

    def count(self, node, prefix):
        name = prefix + node.name
        if node.children:
            before = len(self.counts.failed)
            for child in node.children:
                self.count(child, name + "/")
            if not node.ok and len(self.counts.failed) == before:
                self.fail(name)
        elif node.skip is not None and node.ok:
            self.counts.skipped.append((name, node.skip))
        elif node.ok:
            self.counts.passed.append(name)
        else:
            self.fail(name)

    def fail(self, name):
        self.counts.failed.append(name)


def parse(lines):
    parser = Parser()
    for line in lines:
        parser.feed(line)
    parser.finish_document()
    if not parser.seen_any:
        parser.fail("printed no test result")
    return parser.counts
