# SPDX-License-Identifier: MIT
#
# Tests of what check counts, and of what it refuses to count.

import sys

import check
import ktap
import tap


def counts(text):
    c = ktap.parse(text.splitlines())
    return len(c.passed), len(c.failed), len(c.skipped)


def test_flat():
    assert counts("TAP version 13\n1..3\nok 1 - a\nnot ok 2 - b\n"
                  "ok 3 - c # SKIP no card\n") == (1, 1, 1)


def test_names_and_reasons():
    c = ktap.parse("1..3\nok 1 - a b\nok 2 c # SKIP: why not\n"
                   "ok 3 - d # took 3 ms\n".splitlines())
    assert c.passed == ["a b", "d"]
    assert c.skipped == [("c", "why not")]


def test_prose_is_not_a_result():
    assert counts("1..1\n# ok 1 - no\nokay\n    ok then\nhello\nok 1 - a\n") == (1, 0, 0)


def test_subtests_count_as_leaves():
    c = ktap.parse("KTAP version 1\n1..2\n  KTAP version 1\n  1..2\n"
                   "  ok 1 a\n  ok 2 b\nok 1 parent\nok 2 c\n".splitlines())
    assert c.passed == ["parent/a", "parent/b", "c"]
    assert not c.failed


def test_deep_subtests():
    assert counts("1..1\n  1..1\n    1..2\n    ok 1 a\n    not ok 2 b\n"
                  "  not ok 1 x\nnot ok 1 y\n") == (1, 1, 0)


def test_failed_parent_of_passed_children():
    assert counts("1..1\n  1..1\n  ok 1 a\nnot ok 1 parent\n") == (1, 1, 0)


def test_missing_plan():
    assert counts("ok 1 - a\n") == (1, 1, 0)


def test_short_plan():
    assert counts("1..3\nok 1 - a\nok 2 - b\n") == (2, 1, 0)


def test_long_plan():
    assert counts("1..1\nok 1 - a\nok 2 - b\n") == (2, 1, 0)


def test_plan_at_the_end():
    assert counts("ok 1 - a\nok 2 - b\n1..2\n") == (2, 0, 0)


def test_short_plan_of_subtests():
    assert counts("1..1\n  1..2\n  ok 1 a\nok 1 parent\n") == (1, 1, 0)


def test_missing_plan_of_subtests():
    assert counts("1..1\n  KTAP version 1\n  ok 1 a\nok 1 parent\n") == (1, 1, 0)


def test_subtests_cut_off():
    passed, failed, _ = counts("1..2\nok 1 - a\n  1..2\n  ok 1 x\n")
    assert passed and failed


def test_out_of_order():
    assert counts("1..2\nok 1 - a\nok 3 - b\n")[1] == 1


def test_no_output():
    assert counts("") == (0, 1, 0)
    assert counts("hello\nworld\n") == (0, 1, 0)


def test_plan_of_nothing():
    assert counts("1..0\n")[1] == 1


def test_skip_all():
    c = ktap.parse(["TAP version 13", "1..0 # SKIP no card"])
    assert c.skipped == [("all", "no card")] and not c.failed


def test_bail_out():
    assert counts("1..2\nok 1 - a\nBail out! no card\n")[1] == 2


def test_two_documents():
    assert counts("TAP version 13\n1..1\nok 1 - a\n"
                  "TAP version 13\n1..2\nok 1 - a\nok 2 - b\n") == (3, 0, 0)


def test_second_document_cut_off():
    assert counts("TAP version 13\n1..1\nok 1 - a\n"
                  "TAP version 13\n1..2\nok 1 - a\n") == (2, 1, 0)


def test_failed_skip_is_a_failure():
    assert counts("1..1\nnot ok 1 - a # SKIP broken\n") == (0, 1, 0)


def verdict(text, status=0, skips=(), minima=None):
    suite = check.Suite("suite", "vm", "stable", "", "true")
    minima = {"suite": 0} if minima is None else minima
    c = check.judge(suite, status, ktap.parse(text.splitlines()), list(skips), minima)
    return len(c.passed), len(c.failed), len(c.skipped)


ONE = "1..1\nok 1 - a\n"
SKIPPED = "1..1\nok 1 - a # SKIP no card\n"


def test_exit_status():
    assert verdict(ONE) == (1, 0, 0)
    assert verdict(ONE, status=1) == (1, 1, 0)
    assert verdict("1..1\nnot ok 1 - a\n", status=1) == (0, 1, 0)


def test_rig_status_beside_a_failed_test():
    assert verdict("1..1\nnot ok 1 - a\n", status=93) == (0, 2, 0)


def test_skip_must_be_expected():
    assert verdict(SKIPPED) == (0, 1, 0)
    assert verdict(SKIPPED, skips=[("suite/*", "a", "no card")]) == (0, 0, 1)
    assert verdict(SKIPPED, skips=[("suite/*", "a", "no kernel")]) == (0, 1, 0)
    assert verdict(SKIPPED, skips=[("other", "*", "*")]) == (0, 1, 0)


def test_counts_must_not_drop():
    assert verdict(ONE, minima={"suite": 1}) == (1, 0, 0)
    assert verdict(ONE, minima={"suite": 2}) == (1, 1, 0)
    assert verdict(ONE, minima={"suite": 2, "suite/stable": 1}) == (1, 0, 0)
    assert verdict(ONE, minima={}) == (1, 1, 0)


if __name__ == "__main__":
    sys.exit(tap.main(sys.modules[__name__]))
