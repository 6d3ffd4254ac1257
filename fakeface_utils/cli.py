"""The command line: ``fakeface sample | import | download | verify | grade`` (or ``python -m fakeface_utils``)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fakeface_utils import __version__, config
from fakeface_utils.datasets import archives, download, testbed, verify
from fakeface_utils.datasets.layouts import LayoutError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 could not, 2 wrong usage)."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (archives.DataError, LayoutError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing half-made was left", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fakeface", description="Data for the fakeface lessons, and grades.")
    parser.add_argument("--version", action="version", version=f"fakeface {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    sample = commands.add_parser("sample", help="draw the testbed, laid out as the two Kaggle sets are")
    sample.add_argument("--dest", type=Path, default=config.sample_dir(), help="default: %(default)s")
    sample.add_argument("--seed", type=int, default=0)
    sample.add_argument("--overwrite", action="store_true", help="draw again over a sample of other settings")
    sample.set_defaults(run=_sample)

    bring_in = commands.add_parser("import", help="bring a Kaggle set in, from its zip or from a folder")
    source = bring_in.add_mutually_exclusive_group(required=True)
    source.add_argument("--from-zip", type=Path, metavar="FILE")
    source.add_argument("--from-dir", type=Path, metavar="DIR")
    bring_in.add_argument("--dest", type=Path, default=config.data_dir(), help="default: %(default)s")
    bring_in.set_defaults(run=_import)

    fetch = commands.add_parser("download", help="fetch a set from Kaggle; a second call resumes")
    fetch.add_argument("layout", choices=list(download.SLUGS))
    fetch.add_argument("--dest", type=Path, default=config.data_dir(), help="default: %(default)s")
    fetch.add_argument("--keep-archive", action="store_true", help="do not delete the zip after unpacking it")
    fetch.set_defaults(run=_download)

    check = commands.add_parser("verify", help="count, decode and hash every image of a set")
    check.add_argument("folder", type=Path, help="the set's folder, such as data/140k")
    check.set_defaults(run=_verify)
    _add_grade(commands)
    return parser


def _add_grade(commands: argparse._SubParsersAction) -> None:
    warning = (
        "The learners' code runs on this machine with your rights: it can read, write and send what you can. "
        "Grade in an account, a container or a virtual machine that holds nothing else."
    )
    text = (
        "Run learners' notebooks in the profile smoke and examine their functions with inputs they have not seen. "
        "The first notebook of a lesson takes as long as the lesson, the others find its experiments in "
        "grading/ below FAKEFACE_RUNS. Exit status 1 means that a file could not be graded, not that a learner failed. "
    )
    grade = commands.add_parser("grade", help="grade learners' notebooks into a CSV", description=text + warning)
    grade.add_argument("notebooks", type=Path, nargs="+", metavar="NOTEBOOK", help="a file, or a folder of them")
    grade.add_argument("--out", type=Path, default=Path("grades.csv"), help="the table; default: %(default)s")
    grade.add_argument("--seed", type=int, default=0, help="of the unseen inputs; default: %(default)s")
    grade.add_argument(
        "--timeout", type=float, default=300, metavar="SECONDS", help="for one cell; default: %(default)s"
    )
    grade.add_argument("--fresh", action="store_true", help="grade also what did not change since the last call")
    grade.set_defaults(run=_grade)


def _sample(options: argparse.Namespace) -> int:
    for layout, spec in testbed.default_specs(seed=options.seed).items():
        where = testbed.make_sample(options.dest / layout, spec, overwrite=options.overwrite)
        print(f"{where}: {spec.n_images} drawn portraits in the layout of the {layout} set")
    return 0


def _import(options: argparse.Namespace) -> int:
    if options.from_zip:
        where, report = archives.import_zip(options.from_zip, options.dest)
    else:
        where, report = archives.import_dir(options.from_dir, options.dest)
    return _tell(where, report)


def _download(options: argparse.Namespace) -> int:
    where, report = download.download(options.layout, options.dest, keep_archive=options.keep_archive)
    if options.keep_archive:
        print(f"the archive is kept as {download.archive_path(options.layout, options.dest)}")
    return _tell(where, report)


def _tell(where: Path, report: verify.Verification) -> int:
    print(report)
    if report.unreadable:
        print(f"{len(report.unreadable)} files were left out; they are listed in {where / 'left_out.csv'}")
    print(f"{where}: the set {report.set} is ready")
    if where.parent.resolve() != config.data_dir().resolve():
        print(f"the lessons look in {config.data_dir()}; to have them use this set: FAKEFACE_DATA={where.parent}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    report = verify.verify(options.folder)
    print(report)
    return 1 if report.unreadable else 0


def _grade(options: argparse.Namespace) -> int:
    from fakeface_utils.lessons import gradebook  # scikit-learn and more, which no other command needs

    problems = gradebook.grade_class(
        options.notebooks, options.out, seed=options.seed, timeout=options.timeout, fresh=options.fresh
    )
    return 1 if problems else 0
