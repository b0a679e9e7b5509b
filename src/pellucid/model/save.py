"""Models as files: a documented, versioned format of text and arrays, which is read back without running code."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.serial_names import LoadError, SaveError
from pellucid.model.context import here
from pellucid.model.model import Model
from pellucid.model.save_kinds import ModelReader, ModelWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["LoadError", "SaveError", "load_model", "save_model"]

FORMAT = "pellucid model"
VERSION = 1
HERE = vars(sys.modules["pellucid"])["__version__"]
MOMENT = (1980, 1, 1, 0, 0, 0)
"""When all files of an archive were made, so that equal models give equal archives."""


def save_model(model: Model, path: Any) -> None:
    """Write a model to a file, from which :func:`load_model` makes it again without the script that it came from.

    The file is a ZIP archive of `model.json` (the graphs: ops by name with their parameters, types, names, roles, dims,
    coords, transforms), `arrays/*.npy` (constants and data), and `about.txt` (the table of the variables). It holds no
    code: what a user's functions of variables wrote is saved as graphs.

    Parameters
    ----------
    model : Model
        One that is part of another is saved by itself, and its names keep their prefixes.
    path : path
        An existing file is replaced, once the new one is whole.

    Raises
    ------
    SaveError
        When the model holds what no file can: the user's own ops, bijections or distributions, Python functions of
        arrays. The error names it and the line that it is from.

    Examples
    --------
    >>> import os, tempfile
    >>> import pellucid as pm
    >>> with pm.Model(coords={"g": ["a", "b"]}) as model:
    ...     s = pm.HalfNormal("s", 1)
    ...     x = pm.Normal("x", 0, s, dims="g")
    >>> path = os.path.join(tempfile.mkdtemp(), "two.pellucid")
    >>> pm.save_model(model, path)
    >>> pm.load_model(path).value_vars
    [s_log__, x]
    """
    if not isinstance(model, Model):
        raise TypeError(
            f"save_model(model, path) saves a model, not {type(model).__name__}; draws have their own methods, "
            f"idata.to_zarr(path) and idata.to_netcdf(path). {here()}"
        )
    writer = ModelWriter()
    content = writer.value(model)
    head = {"format": FORMAT, "version": VERSION, "pellucid": HERE}
    text = json.dumps({**head, "model": content, "graph": writer.graph()}, allow_nan=False)
    target = Path(path)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(unfinished, "w") as archive:
            add(archive, "about.txt", f"{model.table()}\n".encode())
            add(archive, "model.json", text.encode())
            for i, array in enumerate(writer.arrays):
                add(archive, f"arrays/{i}.npy", as_npy(array))
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Put a file into an archive."""
    packed = zipfile.ZIP_STORED if name.endswith(".npy") else zipfile.ZIP_DEFLATED
    archive.writestr(zipfile.ZipInfo(name, MOMENT), data, packed)


def as_npy(array: np.ndarray) -> bytes:
    """An array in NumPy's format."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def load_model(path: Any) -> Model:
    """The model of a file that :func:`save_model` wrote: it has the same density, starts and draws, bit for bit.

    No code of the file is run: it can name the library's own ops and distributions, and nothing else.

    Parameters
    ----------
    path : path

    Returns
    -------
    Model
        A model of its own, whose data can be set, and which can be changed as any other.

    Raises
    ------
    LoadError
        When the file is damaged, is none of ours, or was written by a newer version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = json.loads(archive.read("model.json"))
            check_head(found, path)
            return content_of(found, dict(arrays_in(archive)))
    except LoadError as error:
        written = found.get("pellucid") if isinstance(found, dict) else None
        raise LoadError(f"{path} cannot be loaded: {error}. {advice(written)}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, *DAMAGE) as error:
        raise LoadError(
            f"{path} cannot be loaded: it is damaged, or no file that pm.save_model wrote "
            f"({type(error).__name__}: {error})."
        ) from error


DAMAGE = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)
"""What plain data of another form than expected raise."""


def check_head(found: Any, path: Any) -> None:
    """Refuse what is no model, or one of a later format."""
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise LoadError("it holds no model")
    if not isinstance(found.get("version"), int) or found["version"] > VERSION:
        raise LoadError(f"its format is {found.get('version')}, and this version of pellucid reads {VERSION}")


def arrays_in(archive: zipfile.ZipFile) -> Iterator[tuple[int, np.ndarray]]:
    """The arrays of an archive by their numbers; nobody can change them."""
    for name in archive.namelist():
        if name.startswith("arrays/"):
            array = np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
            array.flags.writeable = False
            yield int(Path(name).stem), array


def content_of(found: Mapping[str, Any], arrays: Mapping[int, np.ndarray]) -> Model:
    """The model that plain data and arrays describe."""
    model = ModelReader(found["graph"], arrays).value(found["model"])
    if not isinstance(model, Model):
        raise LoadError("it holds no model")
    return model


def advice(written: Any) -> str:
    """What to do about a file that cannot be read."""
    if written == HERE:
        return "The file is of this version of pellucid: it is damaged, or was changed."
    return f"It was written by pellucid {written}, and this is {HERE}: upgrade (pip install -U pellucid)."
