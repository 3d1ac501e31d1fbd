#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""accelctl in a guest with two cards, through the kernel. TAP.

usage: test_vm.py BUILD	(the folder with the built programs, as build/user)
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
import tap  # noqa: E402

BUILD = sys.argv[1]
ACCELCTL = f"{BUILD}/tools/accelctl/accelctl"


def start(*args, user=None):
    other = {"user": user, "group": user, "extra_groups": []} if user else {}
    return subprocess.Popen([ACCELCTL, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **other)


def finish(process, status=0):
    out, err = process.communicate(timeout=240)
    assert process.returncode == status, f"exit status {process.returncode}, expected {status}: {err[-400:]}"
    return out, err


def run_json(*args, status=0):
    return json.loads(finish(start(*args, "--json"), status)[0])


def control(card, command):
    result = subprocess.run([f"{BUILD}/tools/vcard/accel-vcard", "ctl", f"/dev/virtio-ports/aci.ctl{card}", command],
                            capture_output=True, text=True, timeout=60, check=True)
    return result.stdout


def cards():
    return run_json("list")["devices"]


def test_both_cards_are_listed():
    found = cards()
    assert [card["serial"] for card in found] == ["VCARD0", "VCARD1"], found
    assert all(card["state"] == "ok" for card in found), found


def test_info_opens_no_device():
    for node in ("/dev/accel/accel0", "/dev/accel/accel1"):
        os.chmod(node, 0)
    try:
        out, _ = finish(start("info", user=65534))
    finally:
        for node in ("/dev/accel/accel0", "/dev/accel/accel1"):
            os.chmod(node, 0o660)
    assert "VCARD0" in out and "VCARD1" in out, out


def test_no_right_to_the_node_is_told():
    _, err = finish(start("diag", "-l", "1", user=65534), 3)
    assert "permission denied" in err and "group" in err, err


def check_diag(document):
    failed = [test for test in document["tests"] if test["result"] == "fail"]
    assert not failed, failed
    assert sum(test["result"] == "pass" for test in document["tests"]) > 80, document


def test_diag_on_both_cards_at_once():
    running = [start("diag", "-l", "1", "--max-bytes", "16M", "--json", "--device", card["name"]) for card in cards()]
    for process in running:
        check_diag(json.loads(finish(process)[0]))


def test_cards_named_by_serial():
    check_diag(run_json("diag", "-l", "1", "--max-bytes", "4K", "--device", "serial:VCARD1"))


def test_hung_job_is_told():
    control(0, "hang queue=new")
    with tempfile.TemporaryDirectory() as folder:
        write_model(folder)
        _, err = finish(start("run", f"{folder}/model.onnx", "--input", f"{folder}/x.npy", "--timeout-ms", "300",
                              "--device", "serial:VCARD0"), 4)
    assert "time" in err, err
    check_diag(run_json("diag", "-l", "1", "--max-bytes", "4K", "--device", "serial:VCARD0"))


def write_model(folder):
    import numpy
    from onnx import TensorProto, helper, save

    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/model.onnx")
    numpy.save(f"{folder}/x.npy", numpy.ones((1, 8), numpy.float32))


if __name__ == "__main__":
    sys.exit(tap.main(sys.modules[__name__]))
