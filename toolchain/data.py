"""Arrays that a user hands over for a model: .npz and .npy files, bound to inputs by name, and cut into samples."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolchain.errors import InputError
from toolchain.files import staged, writing
from toolchain.ir import Array, Type


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
    except ValueError as error:
        why = "it holds pickled objects, or no arrays at all" if "pickle" in str(error) else str(error)
        raise InputError(f"'{path}' is not an .npz or .npy file of plain arrays, or it is damaged: {why}") from error
    except (EOFError, KeyError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as error:
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


def samples(path: Path, inputs: Mapping[str, Type], labels: str | None = None) -> Samples:
    """Cut the arrays of a file into runs: each is [n, *shape], or, where the model takes one at a time, [n, *shape[1:]].

    A lone input takes the array of its name, else the only one that fits. Integers for a floating-point input are converted.
    `labels` names the array of class numbers. InputError says what does not fit.
    """
    arrays = load(path)
    classes: Array | None = None
    if labels is not None:
        if labels not in arrays:
            raise InputError(f"'{path}' holds no '{labels}' for the labels, but {', '.join(map(repr, arrays))}")
        classes = arrays.pop(labels)
    held = ", ".join(f"'{name}' {array.dtype}{list(array.shape)}" for name, array in arrays.items()) or "nothing"
    cut: dict[str, Array] = {}
    for name, type in inputs.items():
        chosen = (
            [name] if name in arrays or len(inputs) > 1 else [n for n, array in arrays.items() if _runs(array, type) is not None]
        )
        runs = _runs(arrays[chosen[0]], type) if len(chosen) == 1 and chosen[0] in arrays else None
        if runs is None:
            raise InputError(f"'{path}' holds {held}; expected an array '{name}' with any number of samples of {type}")
        cut[name] = runs
    counts = {len(array) for array in cut.values()}
    if len(counts) != 1:
        raise InputError(f"'{path}' holds different numbers of samples: {held}")
    count = counts.pop()
    if count == 0:
        raise InputError(f"'{path}' holds no samples: {held}")
    if classes is not None and (classes.shape != (count,) or classes.dtype.kind not in "iu"):
        found = f"{classes.dtype}{list(classes.shape)}"
        raise InputError(f"the labels '{labels}' are {found}, expected an integer for each of {count} samples")
    return Samples(cut, classes)


def _runs(array: Array, type: Type) -> Array | None:
    """The array as [runs, *shape] in the type's elements, or in float32 for quantised ones; None where it does not fit."""
    if array.ndim == 0:
        return None
    if array.shape == type.shape:
        array = array[None]
    elif array.shape[1:] != type.shape:
        if array.ndim != type.rank or type.shape[:1] != (1,) or array.shape[1:] != type.shape[1:]:
            return None
        array = array[:, None]
    if array.dtype == type.dtype or (type.quant is not None and array.dtype == np.float32):
        return array
    with np.errstate(over="ignore"):
        return array.astype(type.dtype) if type.dtype.kind == "f" and array.dtype.kind in "fiub" else None


def save(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays as .npz, whole or not at all."""
    if path.suffix != ".npz":
        raise InputError(f"cannot write '{path}': expected a name that ends in .npz")
    with staged(path) as new, writing(path), zipfile.ZipFile(new, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
