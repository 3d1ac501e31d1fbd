#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""accelctl as its users see it, on the in-process card. KTAP.

usage: test_accelctl.py ACCELCTL
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

import schema

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CARD = ["--device", "inproc"]


class Tool:
    def __init__(self, path, folder):
        self.path = path
        self.folder = folder

    def run(self, *args, env=None, status=0):
        """Output and messages; the exit status must be the expected one."""
        result = subprocess.run([self.path, *args], capture_output=True, text=True, cwd=self.folder, timeout=300,
                                env={**os.environ, **(env or {})})
        assert result.returncode == status, \
            f"exit status {result.returncode}, expected {status}: {result.stderr.strip()[-300:]}"
        return result.stdout, result.stderr

    def json(self, *args, **kwargs):
        document = json.loads(self.run(*args, "--json", **kwargs)[0])
        with open(f"{TOP}/Documentation/accelctl-json/{args[0]}.schema.json") as file:
            problems = schema.check(json.load(file), document)
        assert not problems, problems
        return document

    def file(self, name):
        return os.path.join(self.folder, name)

    def refuses(self, *args, status, words):
        """The message must say what is wrong."""
        messages = self.run(*args, status=status)[1]
        for word in words:
            assert word in messages, f"'{word}' is not in: {messages}"


def save_model(path, nodes, inputs, outputs, initializers=(), opset=17):
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    with open(path, "wb") as file:      # onnx.save() looks after external data itself
        file.write(model.SerializeToString())


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def make_files(tool):
    weight = (numpy.arange(12, dtype=numpy.float32) / 7 - 1).reshape(4, 3)
    save_model(tool.file("m.onnx"),
               [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
               [value("x", ["n", 4])], [value("y", ["n", 3])], [numpy_helper.from_array(weight, "w")])
    save_model(tool.file("two.onnx"), [helper.make_node("Add", ["a", "b"], ["c"])],
               [value("a", ["n", 2]), value("b", ["n", 2])], [value("c", ["n", 2])])
    x = numpy.linspace(-1, 1, 28, dtype=numpy.float32).reshape(7, 4)
    numpy.save(tool.file("x.npy"), x)
    return weight, x


def test_help(tool):
    assert "list" in tool.run("--help")[0]
    for command in ("list", "info", "run", "bench", "trace", "diag", "reset", "operators"):
        assert f"accelctl {command}" in tool.run(command, "--help")[0]
    assert tool.run("--version")[0].startswith("accelctl ")


def test_completion(tool):
    text = tool.run("--completion", "bash")[0]
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    script = text + '\nCOMP_WORDS=(accelctl run --ba) COMP_CWORD=2; _accelctl; echo "${COMPREPLY[@]}"'
    assert subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout.split() == ["--batch"]


def test_usage(tool):
    for args in ([], ["nothing"], ["list", "x"], ["list", "--nothing"], ["run"], ["run", "a", "b"],
                 ["run", "m.onnx", "--batch"], ["run", "m.onnx", "--batch", "0"], ["run", "m.onnx", "--batch", "-1"],
                 ["run", "m.onnx", "--batch", "99999999999999999999"], ["run", "m.onnx", "--repeat", "1x"],
                 ["run", "m.onnx", "--json=1"], ["diag", "-l", "2"], ["diag", "--max-bytes", "K"],
                 ["--completion", "tcsh"], ["info", "a", "b"], ["reset"], ["reset", "a", "b"],
                 ["reset", "a", "--level", "queue"], ["reset", "a", "-l", ""], ["run", "m.onnx"] + ["--json"] * 65):
        tool.run(*args, status=2)


def test_no_device(tool):
    tool.run("info", "0000:ff:1f.7", status=3)
    tool.run("run", "m.onnx", "--device", "0000:ff:1f.7", status=3)
    assert tool.json("reset", "serial:none", status=3)["error"]["code"] == "no-device"
    document = tool.json("diag", "--device", "serial:none", status=3)
    assert document["error"]["code"] == "no-device"


def test_full_output(tool):
    with open("/dev/full", "w") as full:
        result = subprocess.run([tool.path, "operators"], stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 1


def fake_sysfs(tool):
    """One card, as the driver shows it, with a downtrained link."""
    root = tool.file("sys")
    device = f"{root}/devices/0000:01:00.0"
    files = {
        "vendor": "0x1af4", "device": "0x10f0", "class": "0x120000", "current_link_speed": "8.0 GT/s PCIe",
        "current_link_width": "4", "max_link_speed": "16.0 GT/s PCIe", "max_link_width": "8", "numa_node": "-1",
        "power_state": "D0", "aer_dev_correctable": "RxErr 2\nTOTAL_ERR_COR 5", "irq": "11",
        "resource": "\n".join(["0x0 0x0 0x0"] * 13),
        "aci/telemetry": "age_ms 12\ntemperature_mc 41000\nthrottle none", "hwmon/hwmon3/temp1_input": "41000",
    }
    for name, text in files.items():
        os.makedirs(os.path.dirname(f"{device}/{name}"), exist_ok=True)
        with open(f"{device}/{name}", "w") as file:
            file.write(text + "\n")
    with open(f"{device}/config", "wb") as file:
        file.write(bytes(64))
    os.makedirs(f"{root}/bus/pci/devices")
    os.symlink("../../../devices/0000:01:00.0", f"{root}/bus/pci/devices/0000:01:00.0")
    os.makedirs(f"{root}/bus/pci/drivers/aci")
    os.symlink("../../bus/pci/drivers/aci", f"{device}/driver")
    os.symlink("../../bus/pci", f"{device}/subsystem")
    os.makedirs(f"{root}/class/accel")
    os.makedirs(f"{device}/accel/accel0")
    with open(f"{device}/accel/accel0/uevent", "w") as file:
        file.write("MAJOR=261\nMINOR=0\nDEVNAME=accel/accel0\nDEVTYPE=accel_minor\n")
    with open(f"{device}/accel/accel0/dev", "w") as file:
        file.write("261:0\n")
    os.symlink("../../../0000:01:00.0", f"{device}/accel/accel0/device")
    os.symlink("../../devices/0000:01:00.0/accel/accel0", f"{root}/class/accel/accel0")
    return {"ACCEL_SYSFS_ROOT": root}


def test_info(tool):
    env = fake_sysfs(tool)
    devices = tool.json("list", env=env)["devices"]
    assert [d["name"] for d in devices] == ["0000:01:00.0"], devices
    card = tool.json("info", "0000:01:00.0", env=env)["devices"][0]
    pci = card["pci"]
    assert pci["vendor_id"] == "1af4" and pci["link"] == {"gts": 8, "width": 4}, pci
    assert pci["link_downtrained"] is True and pci["aer_correctable"] == 5 and "numa_node" not in pci, pci
    assert card["telemetry"] == {"age_ms": 12, "temperature_mc": 41000, "throttle": "none"}, card
    assert card["hwmon"] == {"temp1_input": 41000}, card
    assert "downtrained" in tool.run("info", env=env)[0]


def test_stale_card_is_told(tool):
    env = fake_sysfs(tool)
    assert "stale" not in tool.run("list", env=env)[0] + tool.run("info", env=env)[0]
    assert "stale" not in tool.json("list", env=env)["devices"][0]
    with open(f"{env['ACCEL_SYSFS_ROOT']}/devices/0000:01:00.0/aci/telemetry", "w") as file:
        file.write("age_ms 31000\nstale 1\ntemperature_mc 41000\n")
    assert ", stale" in tool.run("list", env=env)[0]
    assert "stale" in tool.run("info", env=env)[0]
    for command in ("list", "info"):
        assert tool.json(command, env=env)["devices"][0]["stale"] is True


def test_no_cards(tool):
    os.makedirs(tool.file("empty/class/accel"))
    env = {"ACCEL_SYSFS_ROOT": tool.file("empty")}
    assert tool.json("list", env=env)["devices"] == []
    tool.run("info", env=env, status=3)


def test_operators(tool):
    names = [row["name"] for row in tool.json("operators")["operators"]]
    assert "Conv" in names and "Gemm" in names


def test_operators_of_model(tool):
    """Each node has its own answer, and one that is refused does not hide those behind it."""
    nodes = [helper.make_node("Relu", ["x"], ["a"], name="first"),
             helper.make_node("Transpose", ["a"], ["b"]),
             helper.make_node("Shape", ["x"], ["s"]),
             helper.make_node("Unheard", ["b"], ["c"], name="odd"),
             helper.make_node("Neg", ["c"], ["d"]),
             helper.make_node("Abs", ["a"], ["y"])]
    save_model(tool.file("nodes.onnx"), nodes, [value("x", ["n", 4])],
               [value("y", ["n", 4]), value("d", [4, "n"])])
    document = tool.json("operators", "nodes.onnx", *CARD, status=5)
    found = document["nodes"]
    assert [node["where"] for node in found] == ["card", "view", "load", "unsupported", "unknown", "card"], found
    assert "'odd'" in found[3]["reason"] and found[4]["reason"] == found[3]["reason"], found
    assert "reason" not in found[0] and [node["index"] for node in found] == list(range(6)), found
    save_model(tool.file("nodes.onnx"), nodes[:1], [value("x", ["n", 4])], [value("a", ["n", 4])])
    assert "first" in tool.run("operators", "nodes.onnx", *CARD)[0]
    save_model(tool.file("nodes.onnx"), [helper.make_node("Relu", ["z"], ["a"])], [value("x", ["n", 4])],
               [value("a", ["n", 4])])
    tool.refuses("operators", "nodes.onnx", *CARD, status=5, words=["'z'", "defined nowhere"])
    tool.refuses("operators", "none.onnx", *CARD, status=5, words=["none.onnx"])
    with open(tool.file("nodes.onnx"), "wb") as file:
        file.write(b"\x08\x08\x3a\xff")
    tool.refuses("operators", "nodes.onnx", *CARD, status=5, words=["byte 4"])


def test_dimensions(tool):
    """Open dimensions by their symbol or place; a kind of input that no card has is no node's fault."""
    save_model(tool.file("open.onnx"), [helper.make_node("Add", ["x", "z"], ["y"])],
               [value("x", ["n", "w"]), value("z", [None, None])], [value("y", None)])
    x = numpy.arange(12, dtype=numpy.float32).reshape(3, 4)
    numpy.save(tool.file("xd.npy"), x)
    run = ["run", "open.onnx", "-i", "x=xd.npy", "-i", "z=xd.npy", "-o", "y.npy", *CARD]
    tool.run(*run, "--batch", "3", "--dim", "w=4", "--dim", "z:1=4")
    assert (numpy.load(tool.file("y.npy")) == x + x).all()
    tool.run(*run, "--dim", "n=3", "--dim", "w=4", "--dim", "z:0=3", "--dim", "z:1=4")
    assert (numpy.load(tool.file("y.npy")) == x + x).all()
    tool.refuses(*run, "--dim", "z:1=4", status=5, words=["'x'", "dimension 1 ('w')", "open"])
    tool.refuses(*run, "--dim", "w=4", status=5, words=["'z'", "dimension 1", "open"])
    for dim in ("w", "w=", "=4", "w=0", "w=-1", "w=4x", "w=99999999999999999999", "w" * 256 + "=1"):
        tool.run(*run, "--dim", dim, status=2)
    tool.run(*run, *["--dim", "w=4"] * 33, status=2)
    found = tool.json("operators", "open.onnx", *CARD, "--dim", "w=4", status=5)["nodes"]
    assert found[0]["where"] == "unknown" and "'z'" in found[0]["reason"], found
    found = tool.json("operators", "open.onnx", *CARD, "--dim", "w=4", "--dim", "z:1=4")["nodes"]
    assert found[0]["where"] == "card", found


def test_run(tool):
    weight, x = make_files(tool)
    for batch, jobs in ((1, 7), (2, 4), (7, 1), (64, 1)):
        document = tool.json("run", "m.onnx", "--input", "x.npy", "--output", "y.npy", "--batch", str(batch), *CARD)
        y = numpy.load(tool.file("y.npy"))
        assert y.shape == (7, 3) and numpy.allclose(y, x @ weight, rtol=1e-5, atol=1e-6), batch
        assert document["jobs"] == document["card"]["jobs"] == jobs, document
        assert document["card"]["macs"] == jobs * batch * 12 == jobs * document["model"]["macs"], document


def test_compile(tool):
    weight, x = make_files(tool)
    document = tool.json("compile", "m.onnx", "--output", "m.accel", "--batch", "7", *CARD)
    assert document["bytes"] == os.stat(tool.file("m.accel")).st_size and document["macs"] == 84, document
    ran = tool.json("run", "m.accel", "--input", "x.npy", "--output", "y.npy", *CARD)
    y = numpy.load(tool.file("y.npy"))
    assert y.shape == (7, 3) and numpy.allclose(y, x @ weight, rtol=1e-5, atol=1e-6)
    assert ran["jobs"] == 1 and ran["model"]["macs"] == 84, ran
    tool.refuses("compile", "m.onnx", *CARD, status=2, words=["--output"])
    tool.refuses("compile", "none.onnx", "-o", "n.accel", *CARD, status=5, words=["none.onnx"])
    tool.refuses("compile", "m.onnx", "-o", "no/such/folder", *CARD, status=5, words=["no/such/folder"])
    tool.refuses("run", "m.accel", "-i", "x.npy", "-b", "2", *CARD, status=2, words=["fixed"])
    with open(tool.file("m.accel"), "r+b") as file:
        file.truncate(1000)
    tool.refuses("run", "m.accel", "-i", "x.npy", *CARD, status=5, words=["m.accel", "cut off"])
    os.mkdir(tool.file("cache"))
    for _ in range(2):
        tool.run("run", "m.onnx", "-i", "x.npy", "-o", "z.npy", "--cache", "cache", *CARD)
        assert (numpy.load(tool.file("z.npy")) == y).all() and len(os.listdir(tool.file("cache"))) == 1


def test_einsum(tool):
    """ONNX's own cases have float64."""
    random = numpy.random.default_rng(5)
    for equation, shapes in (("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]), ("ij->ji", [(3, 4)]), ("ij->i", [(3, 4)]),
                             ("i,i", [(5,), (5,)]), ("bhqd,bkhd->bqhk", [(2, 3, 4, 5), (2, 6, 3, 5)]),
                             ("ij,kj", [(2, 3), (4, 3)]), ("ijk,l->lij", [(2, 3, 4), (5,)]), ("ab,ab->ab", [(2, 3)] * 2)):
        arrays = [random.standard_normal(shape, dtype=numpy.float32) for shape in shapes]
        names = ["x", "w"][:len(shapes)]
        expected = numpy.einsum(equation, *arrays)
        save_model(tool.file("e.onnx"), [helper.make_node("Einsum", names, ["y"], equation=equation)],
                   [value(n, s) for n, s in zip(names, shapes)], [value("y", expected.shape)])
        args = []
        for name, array in zip(names, arrays):
            numpy.save(tool.file(name + "e.npy"), array)
            args += ["-i", f"{name}={name}e.npy"]
        tool.run("run", "e.onnx", *args, "-o", "y.npy", *CARD)
        assert numpy.allclose(numpy.load(tool.file("y.npy")), expected, rtol=1e-5, atol=1e-5), equation
    for equation in ("ii->i", "...i->...i", "ij,jk,kl->il", "ij->x", "i1->i", "ijk->i", ""):
        save_model(tool.file("e.onnx"), [helper.make_node("Einsum", ["x"], ["y"], equation=equation)],
                   [value("x", [3, 3])], [value("y", None)])
        tool.refuses("run", "e.onnx", "-i", "xe.npy", *CARD, status=5, words=["Einsum"])


def test_run_names(tool):
    a = numpy.ones((3, 2), numpy.float32)
    numpy.save(tool.file("a.npy"), a)
    numpy.save(tool.file("b.npy"), a * 2)
    tool.run("run", "two.onnx", "-i", "b=b.npy", "-i", "a=a.npy", "-o", "c=c.npy", *CARD)
    assert (numpy.load(tool.file("c.npy")) == 3).all()
    tool.refuses("run", "two.onnx", "-i", "a.npy", *CARD, status=2, words=["2 inputs"])
    tool.refuses("run", "two.onnx", "-i", "a=a.npy", *CARD, status=2, words=["'b'", "missing"])
    tool.refuses("run", "two.onnx", "-i", "z=a.npy", *CARD, status=2, words=["'z'"])
    tool.refuses("run", "two.onnx", "-i", "a=a.npy", "-i", "a=b.npy", *CARD, status=2, words=["twice"])
    tool.refuses("run", "two.onnx", "-i", "a=a.npy", "-i", "b=x.npy", *CARD, status=5,
                 words=["'b'", "float32 [1, 2]", "float32 [7, 4]"])


def test_run_wrong_data(tool):
    _, x = make_files(tool)
    numpy.save(tool.file("f8.npy"), x.astype(numpy.float64))
    numpy.save(tool.file("i8.npy"), x.astype(numpy.int8))
    numpy.save(tool.file("wide.npy"), numpy.zeros((7, 5), numpy.float32))
    numpy.save(tool.file("fortran.npy"), numpy.asfortranarray(x))
    for name, words in (("f8", ["'<f8'"]), ("i8", ["'x'", "float32", "int8"]), ("fortran", ["Fortran"]),
                        ("wide", ["'x'", "float32 [1, 4]", "float32 [7, 5]"]), ("none", ["none.npy"])):
        tool.refuses("run", "m.onnx", "-i", f"{name}.npy", "-o", "never.npy", *CARD, status=5, words=words)
        assert not os.path.exists(tool.file("never.npy")), "a failed run left an output"
    tool.refuses("run", "m.onnx", "-i", "x.npy", "-o", "no/folder.npy", *CARD, status=5, words=["'y'"])


def test_npy_headers(tool):
    make_files(tool)
    good = open(tool.file("x.npy"), "rb").read()

    def refuses(data, words=()):
        with open(tool.file("bad.npy"), "wb") as file:
            file.write(data)
        tool.refuses("run", "m.onnx", "-i", "bad.npy", *CARD, status=5, words=["bad.npy", *words])

    def header(text, version=1):
        length = len(text).to_bytes(2 if version == 1 else 4, "little")
        return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode() + good[-112:]

    for size in (0, 5, 9, 10, 60, len(good) - 1):
        refuses(good[:size])
    refuses(good + b"x", ["goes on"])
    refuses(header("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 16), }"), ["overflow"])
    refuses(header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 4), }"))
    refuses(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 4), }"), ["cut off"])
    refuses(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }"))
    refuses(header("{'descr': '<f4', 'fortran_order': False, 'shape': (-7, 4), }"))
    refuses(header("{'descr': '<f4', 'shape': (7, 4), }"), ["missing"])
    refuses(header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (7, 4), }"))
    refuses(header("{" + "'descr': '<f4', " * 3), ["broken header"])
    refuses(b"\x93NUMPY\x04\x00" + good[8:], ["version"])
    refuses(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", ["too long"])
    for version in (1, 2, 3):
        with open(tool.file("ok.npy"), "wb") as file:
            file.write(header("{'shape': (7,4), \"fortran_order\":False,'descr':'<f4'}", version))
        tool.run("run", "m.onnx", "-i", "ok.npy", *CARD)


def test_npy_types(tool):
    kinds = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "int8": TensorProto.INT8, "uint8": TensorProto.UINT8,
             "int32": TensorProto.INT32, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}
    for name, kind in kinds.items():
        save_model(tool.file("t.onnx"), [helper.make_node("Transpose", ["x"], ["y"])],
                   [value("x", [2, 3], kind)], [value("y", [3, 2], kind)])
        x = numpy.array([[0, 1, 2], [3, 100, 5]]).astype(name)
        numpy.save(tool.file("t.npy"), x)
        tool.run("run", "t.onnx", "-i", "t.npy", "-o", "u.npy", *CARD)
        y = numpy.load(tool.file("u.npy"))
        assert y.dtype == x.dtype and (y == x.T).all(), name


def refuse_model(tool, words, nodes, inputs=None, outputs=None, initializers=(), opset=17):
    save_model(tool.file("bad.onnx"), nodes, inputs or [value("x", ["n", 4])], outputs or [value("y", None)],
               initializers, opset)
    tool.refuses("run", "bad.onnx", "-i", "x.npy", *CARD, status=5, words=["bad.onnx", *words])


def test_onnx_errors(tool):
    make_files(tool)
    node = helper.make_node
    refuse_model(tool, ["node 0 'n1' (Unheard)", "not supported"], [node("Unheard", ["x"], ["y"], name="n1")])
    refuse_model(tool, ["domain 'my.own'"], [node("Relu", ["x"], ["y"], domain="my.own")])
    refuse_model(tool, ["opset 23"], [node("Relu", ["x"], ["y"])], opset=23)
    refuse_model(tool, ["(Gelu)", "opset 17"], [node("Gelu", ["x"], ["y"])])
    refuse_model(tool, ["'b'", "made by node 1", "not sorted"],
                 [node("Relu", ["b"], ["y"]), node("Relu", ["x"], ["b"])])
    refuse_model(tool, ["'y'", "not sorted"], [node("Add", ["x", "y"], ["y"])])
    refuse_model(tool, ["'q' is defined nowhere"], [node("Relu", ["q"], ["y"])])
    refuse_model(tool, ["output 0 'x'", "name of another"], [node("Relu", ["x"], ["x"])])
    refuse_model(tool, ["'y' is defined nowhere"], [node("Relu", ["x"], ["z"])])
    refuse_model(tool, ["attribute 'strange'"], [node("Relu", ["x"], ["y"], strange=1)])
    refuse_model(tool, ["(Softmax)", "axis 9"], [node("Softmax", ["x"], ["y"], axis=9)])
    refuse_model(tool, ["dimension 1 ('m')"], [node("Relu", ["x"], ["y"])], [value("x", ["n", "m"])])
    refuse_model(tool, ["uint16"], [node("Relu", ["x"], ["y"])], [value("x", ["n", 4], TensorProto.UINT16)])
    refuse_model(tool, ["overflows"], [node("Relu", ["x"], ["y"])], [value("x", [2 ** 40, 2 ** 40])])
    weight = numpy_helper.from_array(numpy.zeros((4, 3), numpy.float32), "w")
    matmul = [node("MatMul", ["x", "w"], ["y"])]
    for change, words in ((lambda t: t.dims.__setitem__(0, 5), ["'w'", "48 bytes", "need 60"]),
                          (lambda t: t.dims.__setitem__(0, -1), ["'w'", "dims[0] is -1"]),
                          (lambda t: t.dims.extend([2 ** 62] * 3), ["overflows"]),
                          (lambda t: t.dims.extend([1] * 9), ["11 dimensions"]),
                          (lambda t: setattr(t, "data_location", TensorProto.EXTERNAL), ["external data"])):
        tensor = TensorProto.FromString(weight.SerializeToString())
        change(tensor)
        refuse_model(tool, words, matmul, initializers=[tensor])


def test_onnx_bytes(tool):
    """Truncated, nested too deeply, not a model at all: the place is named."""
    make_files(tool)
    good = open(tool.file("m.onnx"), "rb").read()

    def length(data):
        result = b""
        count = len(data)
        while count >= 128:
            result += bytes([count & 127 | 128])
            count >>= 7
        return result + bytes([count])

    nested = b""
    for _ in range(3000):   # a graph in an attribute of a node of a graph ...
        attribute = b"\x32" + length(nested) + nested
        node = b"\x2a" + length(attribute) + attribute
        nested = b"\x0a" + length(node) + node
    for data, words in ((good[:-3], ["byte"]), (b"", ["empty"]), (b"\xff" * 20, ["byte 0"]),
                        (b"\x3a" + length(nested) + nested, ["nested too deeply"])):
        with open(tool.file("bad.onnx"), "wb") as file:
            file.write(data)
        tool.refuses("run", "bad.onnx", "-i", "x.npy", *CARD, status=5, words=["bad.onnx", *words])
    tool.refuses("run", ".", "-i", "x.npy", *CARD, status=5, words=["regular"])


def test_diag(tool):
    document = tool.json("diag", "-l", "1", "--max-bytes", "1M", *CARD)
    assert document["result"] == "pass" and document["failed"] == 0, document
    assert len(document["tests"]) == document["passed"] + document["skipped"]


def check_counts(document):
    """Each request that was offered has one end."""
    counts = document["requests"]
    ends = ("refused_deadline", "refused_full", "in_time", "late", "timed_out", "cancelled", "failed")
    assert sum(counts[name] for name in ends) == counts["offered"] == document["load"]["requests"], counts
    assert counts["failed"] == 0, counts
    assert sum(card["requests"] for card in document["cards"]) == counts["in_time"] + counts["late"], document


def test_bench_closed(tool):
    document = tool.json("bench", "m.onnx", "-c", "4", "-n", "300", "-b", "4", "--delay-us", "200", *CARD)
    check_counts(document)
    assert document["requests"]["in_time"] == 300 and document["load"]["batch_max"] == 4, document
    assert document["batches"] < 300 and document["requests_per_second"] > 0, document
    latency = document["latency_ms"]
    order = [latency[name] for name in ("min", "p50", "p90", "p95", "p99", "p999", "max")]
    assert order == sorted(order) and 0 < latency["min"] <= latency["mean"] <= latency["max"], latency
    assert document["wait_ms"]["p50"] <= latency["p50"], document
    text = tool.run("bench", "m.onnx", "-n", "20", *CARD)[0]
    assert "20 offered, 20 in time" in text and "throughput" in text, text


def test_bench_open(tool):
    cards = [*CARD, "--device", "inproc:queues=16"]
    for arrivals in ("poisson", "bursts"):
        document = tool.json("bench", "m.onnx", "-r", "300", "-n", "120", "--arrivals", arrivals, "--seed", "7", *cards)
        check_counts(document)
        assert document["load"]["arrivals"] == arrivals and len(document["cards"]) == 2, document
        # The load takes its time: 120 at 300 a second, give or take.
        assert 0.2 < document["seconds"] < 60, document["seconds"]


def test_bench_deadline(tool):
    """What cannot be in time is refused, and that is no failure."""
    document = tool.json("bench", "m.onnx", "-n", "50", "--deadline-us", "1", "--warmup", "40", *CARD)
    check_counts(document)
    assert document["requests"]["refused_deadline"] == 50 and "latency_ms" not in document, document


def test_bench_errors(tool):
    for args in (["--rate", "0"], ["--rate", "x"], ["--rate", "nan"], ["--rate", "10", "--clients", "2"],
                 ["--arrivals", "bursts"], ["--rate", "1", "--arrivals", "often"], ["--policy", "best"],
                 ["--depth", "9"], ["--batch-max", "65"], ["--requests", "0"], ["--seed", "0"], ["--clients", "0"]):
        tool.run("bench", "m.onnx", *args, *CARD, status=2)
    tool.refuses("bench", "none.onnx", *CARD, status=5, words=["none.onnx"])
    tool.refuses("bench", "m.onnx", "--device", "serial:none", status=3, words=["serial:none"])
    assert tool.json("bench", "none.onnx", *CARD, status=5)["error"]["code"] == "file"
    tool.run("trace", "m.onnx", *CARD, status=2)
    tool.refuses("trace", "m.onnx", "-o", "no/where.json", *CARD, status=5, words=["no/where.json"])


def test_trace(tool):
    cards = [*CARD, "--device", "inproc:queues=16"]
    document = tool.json("trace", "m.onnx", "-o", "t.json", "-c", "4", "-n", "40", "-b", "2", "--warmup", "4", *cards)
    check_counts(document)
    kinds = document["events"]
    assert kinds["request"] == 44 and kinds["batch"] == kinds["upload"] == kinds["compute"] == kinds["download"], kinds
    assert kinds["dropped"] == kinds["card lost"] == 0 and 1 <= kinds["load"] <= 2, kinds
    with open(tool.file("t.json")) as file:
        events = json.load(file)["traceEvents"]
    spans = [e for e in events if e["ph"] == "X"]
    begins = {(e["cat"], e["id"]): e for e in events if e["ph"] == "b"}
    ends = {(e["cat"], e["id"]): e for e in events if e["ph"] == "e"}
    assert begins.keys() == ends.keys() and len(begins) == kinds["request"] + kinds["batch"]
    assert all(ends[key]["ts"] >= begins[key]["ts"] >= 0 for key in begins)
    assert all(e["dur"] >= 0 for e in spans)
    for key, event in begins.items():      # a request ends behind the start of its last batch
        if key[0] == "request":
            batch = begins["batch", event["args"]["batch"]]
            assert ends[key]["ts"] >= batch["ts"] and batch["args"]["card"] == event["args"]["card"]
    for process in (2, 3):      # computing is after the upload of the same batch, by the card's clock
        ends_at = {e["args"]["batch"]: e["ts"] + e["dur"] for e in spans if e["pid"] == process and e["name"] == "upload"}
        computes = [e for e in spans if e["pid"] == process and e["name"] == "compute"]
        assert all(e["ts"] >= ends_at[e["args"]["batch"]] - 0.01 for e in computes)
    names = {e["args"]["name"] for e in events if e["name"] == "process_name"}
    assert names == {"requests", "card 0: inproc", "card 1: inproc"}, names


def main():
    path = os.path.abspath(sys.argv[1])
    tests = [(n, f) for n, f in globals().items() if n.startswith("test_")]
    failed = 0
    print(f"KTAP version 1\n1..{len(tests)}")
    for number, (name, function) in enumerate(tests, 1):
        with tempfile.TemporaryDirectory() as folder:
            tool = Tool(path, folder)
            make_files(tool)
            try:
                function(tool)
                print(f"ok {number} {name}")
            except Exception as error:  # each test's failure is a result, whatever it is
                failed += 1
                print(f"not ok {number} {name}\n# {type(error).__name__}: {str(error)[:600]!r}")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
