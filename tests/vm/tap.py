# SPDX-License-Identifier: MIT
#
# Run all test_* functions of a module and print TAP, for the rig's own tests.

import traceback


def main(module):
    tests = [(name, f) for name, f in vars(module).items()
             if name.startswith("test_") and callable(f)]
    print(f"TAP version 13\n1..{len(tests)}")
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        try:
            function()
            print(f"ok {number} - {name}")
        except Exception:    # pylint: disable=broad-except
            failed += 1
            print("".join("# " + l + "\n" for l in
                          traceback.format_exc().splitlines()), end="")
            print(f"not ok {number} - {name}")
    return 1 if failed else 0
