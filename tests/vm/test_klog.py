# SPDX-License-Identifier: MIT
#
# Tests of klog-check.

import importlib.machinery
import importlib.util
import os
import re
import sys

import tap

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "klog-check")
loader = importlib.machinery.SourceFileLoader("klog_check", path)
klog = importlib.util.module_from_spec(
    importlib.util.spec_from_loader("klog_check", loader))
loader.exec_module(klog)

MARK = "<6>[    1.000000] " + klog.MARK


def complaints(*lines, allowed=(), mark=True):
    text = "\n".join(([MARK] if mark else []) + list(lines)) + "\n"
    return klog.check(text, [re.compile(a) for a in allowed])[1]


def test_quiet_log():
    assert not complaints("<6>[    2.000000] aci: hello", "<5>[    2.000000] x")


def test_warning():
    assert len(complaints("<4>[    2.000000] aci: bad")) == 1


def test_worse_than_warning():
    assert len(complaints("<3>[    2.000000] error", "<0>[    2.1] emergency")) == 2


def test_facility_is_not_the_level():
    assert len(complaints("<12>[    2.000000] from user space")) == 1
    assert not complaints("<14>[    2.000000] from user space")


def test_before_the_mark():
    text = "<4>[    0.100000] noise\n" + MARK + "\n"
    assert not klog.check(text, [])[1]


def test_no_mark():
    assert complaints("<6>[    2.000000] x", mark=False)


def test_range():
    window = ("<6>[    2.0] aci-expect-begin t 1-2 ^boo$", "<6>[    2.2] aci-expect-end t")
    boo = "<4>[    2.1] boo"
    assert len(complaints(window[0], window[1])) == 1
    assert not complaints(window[0], boo, window[1])
    assert not complaints(window[0], boo, boo, window[1])
    assert len(complaints(window[0], boo, boo, boo, window[1])) == 1


def test_allowed():
    assert not complaints("<4>[    2.0] aci: taints kernel.",
                          allowed=[r"^aci: taints kernel\.$"])


def test_allowed_is_anchored():
    assert complaints("<4>[    2.0] aci: taints kernel. And more",
                      allowed=[r"^aci: taints kernel\.$"])


BEGIN = "<6>[    2.0] aci-expect-begin t 1 ^aci .*: lost$"
END = "<6>[    3.0] aci-expect-end t"
LOST = "<4>[    2.5] aci 0000:01:00.0: lost"


def test_announced():
    assert not complaints(BEGIN, LOST, END)


def test_announced_but_missing():
    assert complaints(BEGIN, END)


def test_announced_but_twice():
    assert complaints(BEGIN, LOST, LOST, END)


def test_outside_the_window():
    assert complaints(LOST, BEGIN, LOST, END)
    assert complaints(BEGIN, LOST, END, LOST)


def test_other_message_in_the_window():
    assert complaints(BEGIN, LOST, "<4>[    2.5] other", END)


def test_pattern_is_the_whole_message():
    assert complaints(BEGIN, LOST + " again", END)


def test_two_patterns():
    assert not complaints(BEGIN, "<6>[    2.0] aci-expect-begin t 2 ^x$", LOST,
                          "<4>[    2.6] x", "<3>[    2.7] x", END)


def test_two_windows():
    assert not complaints(BEGIN, LOST, END, BEGIN, LOST, END)


def test_window_left_open():
    assert complaints(BEGIN, LOST)


def test_end_without_begin():
    assert complaints(END)


def test_malformed_announcement():
    assert complaints("<6>[    2.0] aci-expect-begin t 1 not anchored")
    assert complaints("<6>[    2.0] aci-expect-begin t 1 ^(broken$")


def test_messages_below_warning_may_be_announced():
    assert not complaints(BEGIN, LOST.replace("<4>", "<6>"), END)


def test_caller_and_wide_time():
    assert len(complaints("<4>[12345.678901][ T123] bad")) == 1


def test_file_of_allowed_patterns():
    here = os.path.dirname(path)
    assert klog.read_allowed(os.path.join(here, "boot-warnings"))


if __name__ == "__main__":
    sys.exit(tap.main(sys.modules[__name__]))
