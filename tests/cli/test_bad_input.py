"""Whatever is wrong with what the user gave: one clear message, exit code 2, and nothing half-written."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Result, Sinter, everything
from tests.cli.models import write_model
from tests.conftest import ROOT
from toolchain.report import save


def refused(result: Result, *parts: str) -> None:
    """Exit code 2, nothing on stdout, and a message with these parts that is no traceback."""
    assert result.code == 2, result.err
    assert result.out == "" and "Traceback" not in result.err and "fault" not in result.err
    for part in parts:
        assert part in result.err, result.err


def test_missing_model(sinter: Sinter) -> None:
    refused(sinter("build", "nowhere.onnx"), "nowhere.onnx", "No such file")
    refused(sinter("build", "nowhere.tflite"), "nowhere.tflite", "No such file")
    assert everything(Path()) == set()


def test_a_folder_instead_of_a_model(sinter: Sinter) -> None:
    Path("folder.onnx").mkdir()
    refused(sinter("build", "folder.onnx"), "folder.onnx", "Is a directory")


def test_unknown_suffix(sinter: Sinter, model: Path) -> None:
    Path("model.pb").write_bytes(model.read_bytes())
    refused(sinter("build", "model.pb"), "model.pb", ".onnx or .tflite")


def test_unknown_target(sinter: Sinter, model: Path) -> None:
    refused(sinter("build", model, "--target", "toaster"), "toaster", "host")
    refused(sinter("build", model, "--target", "../targets/host"), "unknown target")
    assert everything(Path()) == set()


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("size", [0, 1, 7, 100, 1000])
def test_truncated_model(sinter: Sinter, model: Path, suffix: str, size: int) -> None:
    Path(f"cut.{suffix}").write_bytes(model.read_bytes()[:size])
    refused(sinter("build", f"cut.{suffix}"))
    assert everything(Path()) == {f"cut.{suffix}"}


def test_unsupported_operator_is_named(sinter: Sinter, tmp_path: Path) -> None:
    path = write_model(tmp_path / "odd.onnx", last="Convolve")
    refused(sinter("build", path), "Convolve", "conv3")


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("pixels=1,12,1", ["pixels"]),
        ("pixels=1,13,1,1", ["pixels"]),
        ("other=1,2", ["no input 'other'", "pixels"]),
        ("pixels", ["NAME=1,3,224,224"]),
        ("pixels=1,x", ["NAME=1,3,224,224"]),
        ("pixels=", ["NAME=1,3,224,224"]),
        ("pixels=-1,12,1,1", ["NAME=1,3,224,224"]),
        ("pixels=0,12,1,1", ["pixels"]),
        ("pixels=999999999,12,1,1", ["pixels"]),
    ],
)
def test_wrong_input_shape(sinter: Sinter, model: Path, given: str, parts: list[str]) -> None:
    refused(sinter("build", model, "--input-shape", given), *parts)
    assert everything(Path()) == set()


def test_input_shape_given_twice(sinter: Sinter, model: Path) -> None:
    refused(sinter("build", model, "--input-shape", "pixels=1,12,1,1", "--input-shape", "pixels=1,12,1,1"), "twice")


@pytest.mark.parametrize("budget", ["", "K", "-1", "1.5K", "lots", "9999999999999999999"])
def test_budget_that_is_no_size(sinter: Sinter, model: Path, budget: str) -> None:
    refused(sinter("build", model, f"--budget-ram={budget}"), "not a size")


@pytest.mark.parametrize(
    "arguments", [["build"], ["cook"], ["build", "x.onnx", "--no-such-option"], ["bench", "x", "--threads", "0"]]
)
def test_wrong_usage(sinter: Sinter, arguments: list[str]) -> None:
    result = sinter(*arguments)
    assert result.code == 2 and "Traceback" not in result.err


def test_output_is_a_file(sinter: Sinter, model: Path) -> None:
    Path("taken").write_text("mine")
    refused(sinter("build", model, "-o", "taken"), "taken", "is a file")
    refused(sinter("build", model, "-o", "taken/below"), "cannot write", "Not a directory")
    assert Path("taken").read_text() == "mine" and everything(Path()) == {"taken"}


def test_output_holds_something_else(sinter: Sinter, model: Path) -> None:
    Path("home").mkdir()
    Path("home/thesis.txt").write_text("mine")
    refused(sinter("build", model, "-o", "home"), "thesis.txt")
    assert everything(Path()) == {"home", "home/thesis.txt"}


def test_read_only_output(sinter: Sinter, model: Path) -> None:
    refused(sinter("build", model, "-o", "/proc/small.sinter"), "cannot write '/proc/small.sinter'")


@pytest.mark.parametrize("failing", [save.PLAN, save.JSON, save.HTML])
def test_disk_full_leaves_what_was_there(
    sinter: Sinter, model: Path, artifact: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in artifact.iterdir()}
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for method in ("write_bytes", "write_text"):
        original = getattr(Path, method)

        def write(self: Path, *arguments: object, original: object = original, **options: object) -> object:
            if self.name == failing:
                raise full
            assert callable(original)
            return original(self, *arguments, **options)

        monkeypatch.setattr(Path, method, write)
    refused(sinter("build", model, "-o", artifact), "No space left")
    refused(sinter("build", model, "-o", "new/folder"), "No space left")
    assert {path: path.read_bytes() for path in artifact.iterdir()} == before
    assert everything(Path()) == set()
    assert {path.name for path in artifact.parent.iterdir()} == {"small.sinter", "work"}


def test_file_size_limit(model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "toolchain", "build", str(model), "-o", str(tmp_path / "out")]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, env=environment, check=False)
    assert done.returncode == 2 and "cannot write" in done.stderr and "File too large" in done.stderr
    assert everything(tmp_path) == set()


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interruption_leaves_nothing(tmp_path: Path, model: Path) -> None:
    program = (
        "import sys, time; import toolchain.build as build; from toolchain.cli import main\n"
        "def read(*a): print('reading', flush=True); time.sleep(60)\n"
        "build.read = read; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", program, "build", str(model), "-o", str(tmp_path / "a" / "out")]
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        # A shell's background jobs ignore the interrupt signal, and so would what they start.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, preexec_fn=heed_interrupts)
        assert process.stdout is not None and process.stdout.readline() == "reading\n"
        assert everything(tmp_path) != set()
        process.send_signal(number)
        process.stdout.close()
        assert process.wait(timeout=30) == code
        assert everything(tmp_path) == set()


def test_fault_of_sinters_own_is_recorded(sinter: Sinter, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("so it is")

    monkeypatch.setattr("toolchain.build.compile_graph", broken)
    result = sinter("build", model)
    assert result.code == 3 and "ZeroDivisionError: so it is" in result.err and "report" in result.err
    (log,) = tmp_path.glob("sinter-*.log")
    assert str(log) in result.err.replace("\n", "") and "Traceback" in log.read_text() and "in broken" in log.read_text()
    assert everything(Path()) == set()


def test_artifact_that_is_none(sinter: Sinter, model: Path) -> None:
    Path("empty").mkdir()
    for verb in (["inspect"], ["bench"], ["run", "-i", "x.npz"]):
        refused(sinter(verb[0], "nowhere", *verb[1:]), "nowhere", "not an artifact")
        refused(sinter(verb[0], "empty", *verb[1:]), "empty", "not an artifact")
    refused(sinter("bench", model), "cannot load")


def test_damaged_plan(sinter: Sinter, artifact: Path) -> None:
    plan = artifact / save.PLAN
    whole = plan.read_bytes()
    np.save("x.npy", np.zeros((1, 12, 1, 1), np.float32))
    for size in (0, 8, 100, len(whole) - 1):
        plan.write_bytes(whole[:size])
        refused(sinter("bench", artifact), "cannot load", save.PLAN)
        refused(sinter("run", artifact, "-i", "x.npy"), "cannot load", save.PLAN)
        refused(sinter("inspect", artifact), "is not the plan")


def test_damaged_report(sinter: Sinter, artifact: Path) -> None:
    report = artifact / save.JSON
    whole = report.read_text()
    for text in (
        "",
        "[]",
        "{}",
        whole[:-20],
        whole.replace('"macs"', '"mac"', 1),
        whole.replace('"macs": ', '"macs": "x", "y": ', 1),
        "\x00",
    ):
        report.write_text(text)
        refused(sinter("inspect", artifact), "report.json", "build the model again")
    report.write_bytes(b"\xff\xfe")
    refused(sinter("inspect", artifact), "it is not text")
    report.unlink()
    refused(sinter("inspect", artifact), "No such file")


def test_wrong_arrays_for_run(sinter: Sinter, artifact: Path) -> None:
    good = np.zeros((1, 12, 1, 1), np.float32)
    refused(sinter("run", artifact, "-i", "nowhere.npz"), "nowhere.npz", "No such file")
    Path("text.npz").write_text("hello")
    refused(sinter("run", artifact, "-i", "text.npz"), "text.npz", "not an .npz or .npy file")
    np.save("x.npy", good)
    Path("cut.npy").write_bytes(Path("x.npy").read_bytes()[:140])
    refused(sinter("run", artifact, "-i", "cut.npy"), "cut.npy", "damaged")
    np.savez("x.npz", x=good, y=good)
    refused(sinter("run", artifact, "-i", "x.npz"), "'x', 'y'", "pixels")
    Path("cut.npz").write_bytes(Path("x.npz").read_bytes()[:-30])
    refused(sinter("run", artifact, "-i", "cut.npz"), "cut.npz", "damaged")
    np.save("shape.npy", good[:, :11])
    refused(sinter("run", artifact, "-i", "shape.npy"), "pixels", "11", "12")
    np.save("dtype.npy", good.astype(np.int32))
    refused(sinter("run", artifact, "-i", "dtype.npy"), "pixels", "int32", "float32")
    np.save("object.npy", np.array([{}], object), allow_pickle=True)
    refused(sinter("run", artifact, "-i", "object.npy"), "object.npy")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_calibration_data_that_is_not_finite(sinter: Sinter, model: Path, value: float) -> None:
    samples = np.zeros((3, 12, 1, 1))
    samples[2, 5] = value
    np.savez("x.npz", pixels=samples)
    built = sinter("build", model, "--quantize", "int8", "--calibrate", "x.npz", "-o", "q")
    refused(built, "x.npz", "sample 2 of input 'pixels'")
    assert "Warning" not in built.err and not Path("q").exists()


def test_unwritable_outputs_of_run(sinter: Sinter, artifact: Path) -> None:
    np.save("x.npy", np.zeros((1, 12, 1, 1), np.float32))
    refused(sinter("run", artifact, "-i", "x.npy", "-o", "y.txt"), "ends in .npz")
    Path("y.npz").mkdir()
    refused(sinter("run", artifact, "-i", "x.npy", "-o", "y.npz"), "is a folder")
    refused(sinter("run", artifact, "-i", "x.npy", "-o", "/proc/y.npz"), "cannot write")
    assert everything(Path()) == {"x.npy", "y.npz"}


def test_too_many_threads(sinter: Sinter, artifact: Path) -> None:
    refused(sinter("bench", artifact, "--threads", "100000"), "threads is 100000")
