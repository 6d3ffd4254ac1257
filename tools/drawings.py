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
import textwrap
import tokenize
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image, PngImagePlugin

from fakeface_utils.evaluation import plots
from fakeface_utils.lessons.results import write_whole

KEY = "Inputs"  # under which a PNG holds the hash
OURS = ("fakeface_utils.", "tools.")
VALUES = (str, int, float, tuple, list, dict, set, frozenset, partial)  # of what a constant may be made
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

    Names are read off the source, so that every version of Python finds the same. A function is followed through
    its decorators, and out of the constant that holds it. The testbed is left out: its version number stands for
    it. So are comments and docstrings: they draw nothing.

    Returns:
        Qualified name -> code, or the value of a constant as JSON.
    """
    found, function = {} if found is None else found, undecorated(function)
    own, code = vars(inspect.getmodule(function)), code_of(source_of(function))
    name = name_of(function)
    if function.__name__ == "<lambda>":
        name += f" {code}"  # there may be several
    if name in found:
        return found
    found[name] = code
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            place, word = own, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module, word = own.get(node.value.id), node.attr
            place = vars(module) if isinstance(module, ModuleType) and is_ours(module) else {}
        else:
            continue
        value = undecorated(place.get(word))
        if inspect.isfunction(value) or inspect.isclass(value):
            if is_ours(inspect.getmodule(value)):
                reached(value, found)
        elif word.isupper() and (isinstance(value, VALUES) or is_ours(inspect.getmodule(type(value)))):
            found[f"{place['__spec__'].name}.{word}"] = json.dumps(told(value, found))
    return found


def told(value: object, found: dict[str, str]) -> object:
    """A constant as JSON takes it: what it holds, our own functions and classes by name; their code is ``found``."""
    value = undecorated(value)
    if inspect.isfunction(value) or inspect.isclass(value):
        if not is_ours(inspect.getmodule(value)):
            return value.__qualname__
        reached(value, found)
        return name_of(value)
    if isinstance(value, partial):
        return ["partial", *(told(part, found) for part in (value.func, value.args, value.keywords))]
    if isinstance(value, dict):
        return [[told(key, found), told(held, found)] for key, held in value.items()]
    if isinstance(value, (list, tuple)):
        return [told(held, found) for held in value]
    if isinstance(value, (set, frozenset)):
        return sorted(json.dumps(told(held, found)) for held in value)
    if is_dataclass(value):
        return [told(type(value), found), *([f.name, told(getattr(value, f.name), found)] for f in fields(value))]
    return value if isinstance(value, VALUES) or value is None else told(type(value), found)


def undecorated(value: object) -> object:
    """The function below ``functools.cache`` and the like, or of a bound method; anything else as it is."""
    value = getattr(value, "__func__", value)
    return inspect.unwrap(value) if callable(value) else value


def name_of(code: Callable) -> str:
    """Module and name; ``__module__`` would be ``__main__`` under python -m."""
    return f"{inspect.getmodule(code).__spec__.name}.{code.__qualname__}"


def source_of(code: Callable) -> str:
    """The text of a function or class; of a lambda only the lambda, for the lines around it may be half a statement."""
    if code.__name__ != "<lambda>":
        return textwrap.dedent(inspect.getsource(code))
    text = inspect.getsource(inspect.getmodule(code))
    lambdas = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Lambda)]
    here = [node for node in lambdas if node.lineno == code.__code__.co_firstlineno]
    return "\n".join(f"({ast.get_source_segment(text, node)})" for node in here)


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
        write_whole(drawing.path, small.getvalue())


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
