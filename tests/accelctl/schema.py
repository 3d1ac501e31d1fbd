# SPDX-License-Identifier: MIT
"""The part of JSON Schema that Documentation/accelctl-json/ uses; anything else in a schema is an error."""

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
KNOWN = {"$schema", "$comment", "title", "type", "properties", "required", "additionalProperties", "items", "enum",
         "const", "minimum", "oneOf"}


def has_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def check(schema, value, where="$"):
    """List of what is wrong with the value."""
    if schema is True or schema == {}:
        return []
    unknown = set(schema) - KNOWN
    if unknown:
        return [f"{where}: schema uses {unknown}"]
    if "oneOf" in schema:
        results = [check(s, value, where) for s in schema["oneOf"]]
        return [] if sum(not r for r in results) == 1 else [p for r in results for p in r] or [f"{where}: ambiguous"]
    if "const" in schema and value != schema["const"]:
        return [f"{where}: {value!r} is not {schema['const']!r}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value!r} is none of {schema['enum']}"]
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(has_type(value, n) for n in names):
        return [f"{where}: {value!r} is no {names}"]
    problems = []
    if "minimum" in schema and value < schema["minimum"]:
        problems.append(f"{where}: {value} is below {schema['minimum']}")
    if isinstance(value, dict):
        problems += [f"{where}: '{k}' is missing" for k in schema.get("required", []) if k not in value]
        extra = schema.get("additionalProperties", True)
        for key, item in value.items():
            if key in schema.get("properties", {}):
                problems += check(schema["properties"][key], item, f"{where}.{key}")
            elif extra is False:
                problems.append(f"{where}: '{key}' is not in the schema")
            elif extra is not True:
                problems += check(extra, item, f"{where}.{key}")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            problems += check(schema["items"], item, f"{where}[{i}]")
    return problems
