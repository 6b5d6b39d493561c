"""Arrays that a user hands over for a model: .npz and .npy files, bound to inputs by name, and cut into samples."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolchain.errors import InputError
from toolchain.ir import Array
from toolchain.report.content import TensorInfo
from toolchain.report.save import staged, writing


def load(path: Path) -> dict[str, Array]:
    """The arrays of an .npz file by name, or the one of an .npy file under ''; nothing in them is ever executed."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror or error}") from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as error:
        raise InputError(f"'{path}' is not an .npz or .npy file of plain arrays, or it is damaged: {error}") from error
    except MemoryError as error:
        raise InputError(f"'{path}' holds arrays that do not fit into memory") from error


def by_name(arrays: Mapping[str, Array], names: Sequence[str], where: Path) -> dict[str, Array]:
    """The array of every input; a lone array stands for a lone input, whatever its name."""
    if len(names) == 1 and len(arrays) == 1:
        return {names[0]: next(iter(arrays.values()))}
    missing = [name for name in names if name not in arrays]
    unknown = [name for name in arrays if name not in names]
    if missing or unknown:
        found = ", ".join(f"'{name}'" for name in arrays) or "nothing"
        raise InputError(f"'{where}' holds {found}; the model's inputs are {', '.join(repr(name) for name in names)}")
    return dict(arrays)


@dataclass(frozen=True)
class Samples:
    """Runs of a model: for each input an array [runs, *shape], and the labels [runs] where the data has some."""

    inputs: dict[str, Array]
    labels: Array | None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def sample(self, index: int) -> dict[str, Array]:
        return {name: array[index] for name, array in self.inputs.items()}


def samples(path: Path, inputs: Sequence[TensorInfo], labels: str | None = None) -> Samples:
    """Cut the arrays of a file into runs: each is [n, *shape], or, where the model takes one at a time, [n, *shape[1:]].

    Integers for a floating-point input are converted. `labels` names the array of class numbers. InputError says what does not fit.
    """
    arrays = load(path)
    classes: Array | None = None
    if labels is not None:
        if labels not in arrays:
            raise InputError(f"'{path}' holds no '{labels}' for the labels, but {', '.join(repr(name) for name in arrays)}")
        classes = arrays.pop(labels)
    wanted = {name: array for name, array in arrays.items() if name in {t.name for t in inputs}}
    if len(inputs) == 1 and not wanted:
        wanted = {name: array for name, array in arrays.items() if _runs(array, inputs[0]) is not None}
    bound = by_name(wanted if wanted else arrays, [t.name for t in inputs], path)
    cut: dict[str, Array] = {}
    for tensor in inputs:
        runs = _runs(bound[tensor.name], tensor)
        if runs is None:
            array = bound[tensor.name]
            raise InputError(
                f"input '{tensor.name}' of '{path}' is {array.dtype}{list(array.shape)}, expected any number of "
                f"{tensor.dtype}{tensor.shape}"
            )
        cut[tensor.name] = runs
    counts = {len(array) for array in cut.values()}
    if len(counts) != 1 or 0 in counts:
        raise InputError(f"the inputs in '{path}' hold {sorted(counts)} samples, expected at least one, the same number in each")
    if classes is not None and classes.shape != (counts.copy().pop(),):
        raise InputError(
            f"the labels '{labels}' are {classes.dtype}{list(classes.shape)}, expected one for each of {counts.pop()} samples"
        )
    return Samples(cut, classes)


def _runs(array: Array, tensor: TensorInfo) -> Array | None:
    """The array as [runs, *shape] in the tensor's element type, None where it does not fit."""
    shape = tuple(tensor.shape)
    if array.ndim == 0:
        return None
    if array.shape == shape:
        array = array[None]
    elif array.shape[1:] != shape:
        if array.ndim != len(shape) or not shape or shape[0] != 1 or array.shape[1:] != shape[1:]:
            return None
        array = array[:, None]
    dtype = np.dtype(tensor.dtype)
    if array.dtype == dtype:
        return array
    if tensor.scale and array.dtype == np.float32:
        return array
    return array.astype(dtype) if dtype.kind == "f" and array.dtype.kind in "fiu" else None


def save(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays as .npz, whole or not at all."""
    if path.suffix != ".npz":
        raise InputError(f"cannot write '{path}': expected a name that ends in .npz")
    with staged(path, folder=False) as new, writing(path), zipfile.ZipFile(new, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
