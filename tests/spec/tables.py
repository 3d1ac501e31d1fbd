# SPDX-License-Identifier: MIT
"""
Read the normative tables of Documentation/aci and the definitions of
uapi/aci. Shared by check-headers and check-ids; standard library only.

A table is a list-table directive that follows a comment line:

    .. registers            Offset, Size, Name, Access, Meaning
    .. struct <name>        Offset, Size, Member, Meaning
    .. constants            Name, Value, Meaning
"""
import glob
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCS = os.path.join(TOP, "Documentation", "aci")
UAPI = os.path.join(TOP, "uapi")

COLUMNS = {
    "registers": ["Offset", "Size", "Name", "Access", "Meaning"],
    "struct": ["Offset", "Size", "Member", "Meaning"],
    "constants": ["Name", "Value", "Meaning"],
}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
INTEGER = re.compile(r"(0x[0-9a-fA-F]+|\d+)( << \d+)?")


class SpecError(Exception):
    pass


class Table:
    def __init__(self, kind, name, rows, where):
        self.kind, self.name, self.rows, self.where = kind, name, rows, where


def doc_files():
    return sorted(glob.glob(os.path.join(DOCS, "*.rst")))


def header_files():
    return sorted(glob.glob(os.path.join(UAPI, "aci", "*.h")))


def _rows(lines, start, where):
    """Cells of the list-table whose directive is at or after lines[start]."""
    at = start
    while at < len(lines) and not lines[at].strip():
        at += 1
    if at == len(lines) or lines[at].strip() != ".. list-table::":
        raise SpecError(f"{where}: no list-table after the marker")
    at += 1
    rows = []
    while at < len(lines) and (not lines[at].strip() or lines[at].startswith("   ")):
        text = lines[at]
        row, cell = re.match(r"   \* - ?(.*)", text), re.match(r"     - ?(.*)", text)
        if row:
            rows.append([row.group(1).strip()])
        elif cell:
            rows[-1].append(cell.group(1).strip())
        elif rows and text.strip():
            rows[-1][-1] = (rows[-1][-1] + " " + text.strip()).strip()
        at += 1
    return rows


def read_tables(path):
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    tables = []
    for number, line in enumerate(lines):
        marker = re.fullmatch(r"\.\. (registers|constants|struct (\w+))", line)
        if not marker:
            continue
        kind, name = marker.group(1).split()[0], marker.group(2)
        where = f"{os.path.basename(path)}:{number + 1}"
        rows = _rows(lines, number + 1, where)
        if not rows or rows[0] != COLUMNS[kind]:
            raise SpecError(f"{where}: columns are not {COLUMNS[kind]}")
        for row in rows[1:]:
            if len(row) != len(COLUMNS[kind]):
                raise SpecError(f"{where}: row {row} has {len(row)} columns")
        tables.append(Table(kind, name, [dict(zip(rows[0], row)) for row in rows[1:]], where))
    return tables


def plain(cell):
    """Name or member: a cell that is one literal."""
    literal = re.fullmatch(r"``(\w+)``", cell)
    if not literal:
        raise SpecError(f"cell '{cell}' is not one ``literal``")
    return literal.group(1)


def number(cell):
    if not INTEGER.fullmatch(cell):
        raise SpecError(f"cell '{cell}' is not an integer")
    base, _, shift = cell.partition(" << ")
    return int(base, 0) << int(shift or 0)


def _strip_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


class Header:
    """What one header defines: object-like and function-like macros, structures."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.relpath(path, UAPI)
        with open(path, encoding="utf-8") as file:
            text = _strip_comments(file.read())
        text = text.replace("\\\n", " ")
        self.constants, self.macros = [], []
        for name, argument, value in re.findall(r"^#define\s+(\w+)(\()?[ \t]*(.*)$", text, re.M):
            if argument:
                self.macros.append(name)
            elif value.strip():
                self.constants.append(name)
        self.structs = {}
        for name, body in re.findall(r"^struct (\w+) \{(.*?)^\};", text, re.M | re.S):
            self.structs[name] = self._members(body)
        self.functions = re.findall(r"^static inline \w+ (\w+)\(", text, re.M)

    @staticmethod
    def _members(body):
        body = re.sub(r"\bunion\s*\{|\}", ";", body)
        members = []
        for statement in body.split(";"):
            words = re.fullmatch(r"\s*(?:struct )?\w+\s+(\w+)(?:\[[^;]*\])?\s*", statement)
            if words:
                members.append(words.group(1))
            elif statement.strip():
                raise SpecError(f"member not understood: {statement.strip()}")
        return members
