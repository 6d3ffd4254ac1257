"""Executed lessons as pages to click through, readable without a network: python -m tools.course_pages

Pages are made to be shared, so they show drawn portraits only: lessons that may show photographs of people get pages
only for yourself, with --private.
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import json
import mimetypes
import os
import re
import sys
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from jinja2 import Environment, FileSystemLoader
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

from fakeface_utils.lessons.results import write_whole

ROOT = Path(__file__).parents[1]
EXTERNAL = ("http:", "https:", "mailto:", "data:", "#")


def formula(tex: str, block: bool) -> str:
    """A formula as a small inline picture (no MathJax: it would come from the net); TeX where that fails."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image

    picture = io.BytesIO()
    try:
        font = FontProperties(size=16 if block else 12.75)  # 12.75 points are the page's 17 pixels
        depth = math_to_image(f"${tex.strip()}$", picture, font, dpi=72, format="svg")
    except ValueError:
        return f"<code>{html.escape(tex)}</code>"
    data, alt = base64.b64encode(picture.getvalue()).decode(), html.escape(tex, quote=True)
    style = "display:block;margin:1em auto" if block else f"vertical-align:-{depth / 12.75:.2f}em"
    return f'<img class="math" style="{style}" alt="{alt}" src="data:image/svg+xml;base64,{data}">'


class Renderer(IPythonRenderer):
    """nbconvert's Markdown, with formulas drawn."""

    def inline_math(self, body: str) -> str:
        return formula(body, block=False)

    def block_math(self, body: str) -> str:
        return formula(body, block=True)


def body(path: Path) -> str:
    """The cells of an executed notebook as HTML."""
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
    render = MarkdownWithMath(Renderer(escape=False, exclude_anchor_links=True)).render
    exporter.register_filter("markdown2html", render)
    notebook = nbformat.read(path, as_version=4)
    # papermill marks a failure with red banners; the page says it once, on top.
    notebook.cells = [c for c in notebook.cells if "papermill-error-cell-tag" not in c.metadata.get("tags", [])]
    return exporter.from_notebook_node(notebook)[0]


def offline(page: str, source: Path, out: Path) -> str:
    """Links lead to the pages beside this one, pictures are inside, nothing is fetched from elsewhere."""
    soup = BeautifulSoup(page, "html.parser")
    for tag in soup.find_all(["script", "link", "iframe"]):
        if str(tag.get("src") or tag.get("href") or "").startswith(("http", "//")):
            tag.decompose()
    for image in soup.find_all("img"):
        target = image.get("src", "")
        if target.startswith(("http", "//")):
            image.replace_with(image.get("alt") or target)
        elif not target.startswith(EXTERNAL) and (source.parent / target).is_file():
            kind = mimetypes.guess_type(target)[0]
            image["src"] = f"data:{kind};base64," + base64.b64encode((source.parent / target).read_bytes()).decode()
    for link in soup.find_all("a", href=True):
        target = link["href"]
        if re.fullmatch(r"(\.\./)*(?:notebooks/)?\d\d_\w+\.ipynb(#.*)?", target):
            link["href"] = Path(target).name.replace(".ipynb", ".html")
        elif not target.startswith(EXTERNAL):
            link["href"] = os.path.relpath(source.parent / target, out)
    return str(soup)


def lessons(out: Path, root: Path) -> list[dict]:
    """What the runner left: each lesson's stamp with its question, what it is about, and its notebook."""
    found = []
    for path in sorted(out.glob("[0-9][0-9]_*.json")):
        stamp = json.loads(path.read_text(encoding="utf-8"))
        executed = path.with_suffix(".ipynb")
        notebook = executed if executed.exists() else root / stamp["source"]  # it broke before the first cell
        cells = nbformat.read(notebook, as_version=4).cells
        text = "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
        title = re.search(r"^# (.+)$", text, re.MULTILINE)
        about = re.search(r"^## What you will do\s+(.+?)(?:\n\s*\n|\n#|\Z)", text, re.MULTILINE | re.DOTALL)
        lesson = {"name": path.stem, "path": notebook, "title": title[1] if title else path.stem}
        lesson["about"] = re.sub(r"[*`]", "", " ".join(about[1].split())) if about else ""
        lesson["private"] = not only_drawings(stamp, cells)
        found.append(stamp | lesson)
    return found


def only_drawings(stamp: dict, cells: list) -> bool:
    """Whether a run cannot have opened real images: the profile smoke, also in the lesson's own parameters."""
    given = stamp["inputs"].get("parameters", {}).get("PROFILE")
    own = "\n".join(c.source for c in cells if "parameters" in c.metadata.get("tags", []))
    asks = re.search(r"^PROFILE\b", own, re.MULTILINE)  # left to itself, it may take the real images it finds
    return stamp["profile"] == "smoke" and (given == "smoke" or (given is None and not asks))


def write_pages(out: Path, root: Path = ROOT, private: bool = False) -> Path:
    """All pages and the syllabus; returns the syllabus.

    Raises:
        SystemExit: no lesson was run, or one may show photographs of people and the pages are not ``private``.
    """
    found = lessons(out, root)
    if not found:
        raise SystemExit(f"{out}: no executed lessons; run python -m tools.run_lessons first")
    if not private and (
        names := [f"{lesson['name']} ({lesson['profile']})" for lesson in found if lesson["private"]]
    ):
        raise SystemExit(
            f"No page was written: {', '.join(names)} ran on more than drawn portraits and may show photographs of "
            "people, which must not be published. Run the lessons with --profile smoke, or, for pages that you keep "
            "for yourself, add --private."
        )
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    template = templates.get_template("page.html.j2")
    code_style = HtmlFormatter(style="default").get_style_defs(".highlight")
    for index, lesson in enumerate(found):
        page = offline(body(lesson["path"]), root / lesson["source"], out)
        before, after = found[index - 1] if index else None, found[index + 1] if index + 1 < len(found) else None
        text = template.render(lesson=lesson, body=page, before=before, after=after, code_style=code_style)
        write_whole(out / f"{lesson['name']}.html", text.encode())
    syllabus = out / "index.html"
    write_whole(syllabus, template.render(lessons=found, versions=found[-1]["inputs"]["versions"]).encode())
    return syllabus


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.course_pages", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/course"), help="where the lessons were run to")
    parser.add_argument("--private", action="store_true", help="also lessons that may show photographs of people")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    args = parser.parse_args(argv)
    print(write_pages(args.out.resolve(), args.root.resolve(), args.private))
    return 0


if __name__ == "__main__":
    sys.exit(main())
