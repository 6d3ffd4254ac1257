"""Pictures that are committed: each says in its file what it was drawn from, so that a check needs no pixels.

A PNG's text holds a hash of its inputs and of the code that draws it. Pixels are never compared: another version of
Matplotlib draws other ones. A picture that is stale, was made by hand, is too large or belongs to nothing is named.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import io
import json
import os
import textwrap
import tokenize
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image, PngImagePlugin

from fakeface_utils.evaluation import plots

KEY = "Inputs"  # under which a PNG holds the hash
OURS = ("fakeface_utils.", "tools.")
TESTBED = "fakeface_utils.datasets.testbed"  # the version number that it gives itself stands for its code


@dataclass(frozen=True)
class Drawing:
    """One picture.

    Attributes:
        path: where it lies.
        draw: makes the figure from ``inputs``.
        inputs: what it is drawn from, as ``draw`` takes it.
        told: the same in words, such as the text of a record; part of the hash.
        dpi: pixels an inch.
        most_kb: how large the file may be, in units of 1,000 bytes.
    """

    path: Path
    draw: Callable[..., Figure]
    inputs: tuple
    told: str
    dpi: int = 110
    most_kb: int = 80

    @property
    def signature(self) -> str:
        """A hash of what the picture is drawn from and of the code that draws it."""
        code = {name: text for f in (self.draw, plots.use_style) for name, text in reached(f).items()}
        text = json.dumps([self.told, sorted(code.items()), self.dpi])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def reached(function: Callable, found: dict[str, str] | None = None) -> dict[str, str]:
    """The code of a function, of all our functions and classes that it names, and the constants they name.

    Names are read off the source, so that every version of Python finds the same. The testbed is left out: its
    version number stands for it. So are comments and docstrings: they draw nothing.

    Returns:
        Qualified name -> code, or the value of a constant as JSON.
    """
    found = {} if found is None else found
    own = vars(inspect.getmodule(function))
    name = f"{own['__spec__'].name}.{function.__qualname__}"  # __name__ would be __main__ under python -m
    if name in found:
        return found
    found[name] = code_of(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(ast.parse(found[name])):
        if isinstance(node, ast.Name):
            place, word = own, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module, word = own.get(node.value.id), node.attr
            place = vars(module) if isinstance(module, ModuleType) and is_ours(module) else {}
        else:
            continue
        value = place.get(word)
        if inspect.isfunction(value) or inspect.isclass(value):
            if is_ours(inspect.getmodule(value)):
                reached(value, found)
        elif isinstance(value, (str, int, float, tuple, list, dict)) and word.isupper():
            told = json.dumps(value, default=lambda other: type(other).__name__)
            found[f"{place['__spec__'].name}.{word}"] = told
    return found


def code_of(source: str) -> str:
    """Source text without comments, docstrings and empty lines."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) and len(node.body) > 1:
            text = node.body[0]
            lines[text.lineno - 1 : text.end_lineno] = [""] * (text.end_lineno - text.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def is_ours(module: ModuleType | None) -> bool:
    name = getattr(getattr(module, "__spec__", None), "name", "")
    return name.startswith(OURS) and not name.startswith(TESTBED)


def write(drawing: Drawing) -> None:
    """Draw a picture, whole or not at all."""
    matplotlib.use("agg")
    with matplotlib.rc_context(), io.BytesIO() as drawn, io.BytesIO() as small:
        plots.use_style()
        figure = drawing.draw(*drawing.inputs)
        figure.savefig(drawn, format="png", dpi=drawing.dpi)
        plt.close(figure)
        text = PngImagePlugin.PngInfo()
        text.add_text(KEY, drawing.signature)
        # 256 colours are enough to read it by, at a third of the size.
        image = Image.open(drawn).convert("RGB").quantize(256, kmeans=3)
        image.save(small, "PNG", optimize=True, pnginfo=text)
        drawing.path.parent.mkdir(parents=True, exist_ok=True)
        partial = drawing.path.with_suffix(f".{os.getpid()}.partial")
        try:
            partial.write_bytes(small.getvalue())
            partial.replace(drawing.path)
        finally:
            partial.unlink(missing_ok=True)


def signature_of(path: Path) -> str | None:
    """What a PNG says that it was drawn from; None if it does not say, or is no PNG."""
    try:
        with Image.open(path) as image:
            return image.info.get(KEY) if image.format == "PNG" else None
    except OSError:
        return None


def is_current(drawing: Drawing) -> bool:
    return signature_of(drawing.path) == drawing.signature


def orphans(drawings: Iterable[Drawing], folder: Path) -> list[Path]:
    """The files in the pictures' folder that are none of them."""
    known = {drawing.path for drawing in drawings}
    return sorted(path for path in folder.rglob("*") if path.is_file() and path not in known)


def remake(drawings: list[Drawing], folder: Path) -> list[Path]:
    """Draw what is not current and remove what was once drawn so and is wanted no more; returns what was drawn."""
    stale = [drawing for drawing in drawings if not is_current(drawing)]
    for drawing in stale:
        write(drawing)
    for path in orphans(drawings, folder):
        if signature_of(path):
            path.unlink()
    return [drawing.path for drawing in stale]


def problems(drawings: list[Drawing], folder: Path, command: str) -> list[str]:
    """What is wrong with the pictures in a folder, a sentence each, with the command that mends it."""
    found = []
    for drawing in drawings:
        name = f"{folder.name}/{drawing.path.name}"
        if not drawing.path.is_file():
            found.append(f"{name} is missing; run `{command}`")
        elif not is_current(drawing):
            found.append(f"{name} is stale or was not drawn by the kit; run `{command}`")
        elif (kb := drawing.path.stat().st_size / 1000) > drawing.most_kb:
            found.append(f"{name} has {kb:.0f} kB, more than {drawing.most_kb}; draw less, or smaller")
    found += [
        f"{folder.name}/{path.name} belongs to nothing; remove it, or run `{command}`"
        for path in orphans(drawings, folder)
    ]
    return found
