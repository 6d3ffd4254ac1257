"""Grade one learner's notebook; ``gradebook`` does it for a class.

The notebook is copied in memory and run from its first cell in a fresh kernel, in the profile smoke. Just before a
cell checks an exercise, the learner's function is examined with inputs that the learner has not seen. Quizzes and
answers in words are read from the code. The first notebook of a lesson takes as long as the lesson does in smoke;
later ones find its experiments. What the notebooks leave, a game's answers too, goes into ``grading`` below the runs
directory, so that nothing of the teacher's own is touched.

**The learner's code runs on your machine with your rights.** It can read, write and send what you can, and whoever
sets out to can also forge a grade. Grade in an account, a container or a virtual machine that holds nothing else.

Needs the extra ``course``: nbclient and nbformat, which are imported only where they are used.
"""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from fakeface_utils import config
from fakeface_utils.lessons import checks, quiz, submission
from fakeface_utils.lessons.exercises import EXERCISES, Exercise
from fakeface_utils.lessons.submission import Step, Submission

MIME = "application/vnd.fakeface.outcome+json"
N_HIDDEN = 20
LONGEST = 300  # characters of a detail
_BEST_FIRST = ("passed", "failed", "not attempted")
_EXAMINATION = (
    '__import__("fakeface_utils.lessons.grading", fromlist=["_"])'
    ".examine_hidden({number!r}, lambda: ({function}), seed={seed}, token={token!r})"
)


@dataclass(frozen=True)
class Grade:
    """How one exercise or question was done.

    Attributes:
        exercise: ``"01.1"``, or ``"01.quiz.a"``.
        level: ``"fill in"``, ``"written"`` or ``"quiz"``.
        status: ``"passed"``, ``"failed"``, ``"not attempted"``, ``"written"`` (only a reader can judge it) or
            ``"not graded"`` (the notebook did not run that far, or its check is used in a way
            that ``submission`` does not read).
        detail: why, on one line of at most 300 characters.
    """

    exercise: str
    level: str
    status: str
    detail: str


def grade(handed_in: Submission, seed: int = 0, timeout: float = 300) -> list[Grade]:
    """Grade every exercise and question that the lesson has, in the lesson's order, quiz last.

    Args:
        handed_in: what ``submission.read`` found.
        seed: of the hidden inputs, 0 or more; the same for a whole class.
        timeout: seconds that one cell may take. A cell that takes longer ends the run: what is not examined by
            then is not graded.
    """
    exercises = _filled_in(handed_in, seed, timeout) + _written(handed_in)
    return sorted(exercises, key=lambda one: [int(part) for part in one.exercise.split(".")]) + _quiz(handed_in)


def _filled_in(handed_in: Submission, seed: int, timeout: float) -> list[Grade]:
    """The exercises that are functions; of several tries at one the best counts."""
    steps = [step for step in handed_in.steps if not step.examines or step.examines in EXERCISES]
    found, stopped = _run(steps, seed, timeout) if any(step.examines for step in steps) else ({}, "")
    numbers = {step.examines for step in steps}
    grades = []
    for number in EXERCISES:
        if not number.startswith(f"{handed_in.lesson}."):
            continue
        if number in found:
            status, detail = min(found[number], key=lambda one: _BEST_FIRST.index(one[0]))
        elif number in numbers:
            status, detail = "not graded", stopped
        elif number in handed_in.unplaced:
            status, detail = "not graded", handed_in.unplaced[number]
        elif number in handed_in.broken:
            status, detail = "failed", handed_in.broken[number]
        else:
            status, detail = "not attempted", "no check cell"
        grades.append(Grade(number, "fill in", status, one_line(detail)))
    return grades


def _written(handed_in: Submission) -> list[Grade]:
    """The answers in words: those of the lesson and any others that the learner's notebook has."""
    grades = []
    numbers = {*_asked_in_words(handed_in.lesson), *handed_in.written, *handed_in.broken} - set(EXERCISES)
    for number in numbers:
        if not number.startswith(f"{handed_in.lesson}.") or number.endswith(".quiz"):
            continue
        parts = handed_in.written.get(number)
        empty = checks.empty_parts(parts or {})
        if parts is None and number in handed_in.broken:
            status, detail = "failed", handed_in.broken[number]
        elif parts is None:
            status, detail = "not attempted", "no cell for it"
        elif empty or not parts:
            begun = "".join(f"; {name}: {text}" for name, text in parts.items() if name not in empty)
            status, detail = "not attempted", f"empty: {', '.join(empty) or 'all'}{begun}"
        else:
            status, detail = "written", "; ".join(f"{name}: {text}" for name, text in parts.items())
        grades.append(Grade(number, "written", status, one_line(detail)))
    return grades


@cache
def _asked_in_words(lesson: str) -> set[str]:
    """What the checkout's own lesson asks for, so that a cell that a learner deleted is missed."""
    own = sorted((config.project_root() / "notebooks").glob(f"{lesson}_*.ipynb"))
    return {number for path in own for number in submission.read(path).written}


def _quiz(handed_in: Submission) -> list[Grade]:
    if handed_in.lesson not in quiz.lessons():
        return []
    letters, why = quiz.solution(handed_in.lesson), handed_in.broken.get(f"{handed_in.lesson}.quiz")
    if not handed_in.quiz:
        status, detail = ("failed", one_line(why)) if why else ("not attempted", "no quiz cell")
        return [Grade(f"{handed_in.lesson}.quiz.{letter}", "quiz", status, detail) for letter in letters]
    answers = {letter: text for letter, text in handed_in.quiz.items() if letter in letters}
    grades = []
    for letter, outcome in quiz.judge(handed_in.lesson, **answers).items():
        given = answers.get(letter, "").strip()
        detail = f"answered {given!r}: {outcome.text}" if given else outcome.text
        grades.append(Grade(f"{handed_in.lesson}.quiz.{letter}", "quiz", outcome.status, one_line(detail)))
    return grades


def one_line(text: str, most: int = LONGEST) -> str:
    """The text with every run of white space as one space, cut to ``most`` characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


# In the learner's kernel.


def examine_hidden(number: str, answer: Callable[[], Callable], seed: int, token: str) -> None:
    """Examine the learner's function with the shown and with hidden cases, and display the outcome.

    It runs in a cell that the grader puts before the one that checks. ``token`` is new for each examination and
    is not known to any cell before it, so that printing something like an outcome is of no use.

    Args:
        number: of the exercise.
        answer: gives the learner's function; called here, so that a name that does not exist is an outcome too.
        seed: of the hidden cases.
        token: what the grader knows this outcome by.
    """
    from IPython.display import display

    display({MIME: {"token": token} | _examined(EXERCISES[number], answer, seed)}, raw=True)


def _examined(exercise: Exercise, answer: Callable[[], Callable], seed: int) -> dict:
    every = replace(exercise, cases=exercise.cases + exercise.drawn(seed, N_HIDDEN).cases)
    try:
        function = answer()
    except BaseException as error:
        return {"status": "failed", "detail": f"{type(error).__name__}: {error}", "missing": True}
    if function is exercise.reference:
        return {"status": "not attempted", "detail": "the kit's own function was handed to the check"}
    try:
        outcome = checks.examine(every, function)
    except BaseException as error:  # SystemExit is no Exception, and a learner's object may not even be shown
        return {"status": "failed", "detail": f"{type(error).__name__}: {error}"}
    if outcome.status != "failed":
        return {"status": outcome.status, "detail": ""}
    said = {"called": outcome.called, "expected": outcome.expected, "came": outcome.came}
    return {"status": "failed", "detail": "; ".join(f"{key} {one_line(text, 85)}" for key, text in said.items())}


# In the teacher's process.


def _run(steps: list[Step], seed: int, timeout: float) -> tuple[dict[str, list[tuple[str, str]]], str]:
    """Run the steps up to the last that examines; only the end of the kernel or of a cell's time stops it.

    Returns:
        Exercise -> (status, detail) of each of its examinations; and why the run stopped early, or ``""``.
    """
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from nbformat.v4 import new_code_cell

    last = max(place for place, step in enumerate(steps) if step.examines)
    found, error, stopped = defaultdict(list), "", ""
    client = _client(timeout)
    with client.setup_kernel(cwd=str(_folder()), env=_environment(), stderr=subprocess.DEVNULL, cleanup_kc=True):
        for step in steps[: last + 1]:
            token = secrets.token_hex(16)
            cell = new_code_cell(_code(step, seed, token))
            try:
                client.execute_cell(cell, 0, store_history=not step.examines)
            except CellTimeoutError:
                stopped = f"cell {step.cell} took longer than {timeout:g} s"
            except DeadKernelError:
                stopped = f"the kernel died in cell {step.cell}"
            if step.examines:
                found[step.examines].append(_outcome(cell.outputs, token, error, stopped))
                error = ""
            else:
                error = _error(cell.outputs, f"cell {step.cell}: ") or error
            if stopped:
                break
    return found, stopped


def _code(step: Step, seed: int, token: str) -> str:
    if not step.examines:
        return step.code
    return _EXAMINATION.format(number=step.examines, function=step.code, seed=seed, token=token)


def _outcome(outputs: Iterable[dict], token: str, error: str, stopped: str) -> tuple[str, str]:
    """Status and detail of an examination, from the outputs of its cell.

    Args:
        outputs: the cell's.
        token: that of the outcome that is believed.
        error: of the last cell before it that failed; the reason, where the learner's function is missing.
        stopped: what ended the run in this very cell, or ``""``.
    """
    if stopped:
        return "failed", f"the function did not return: {stopped}"
    said = [output["data"][MIME] for output in outputs if MIME in output.get("data", {})]
    for outcome in said:
        if isinstance(outcome, dict) and outcome.get("token") == token:
            before = f"; before it, {error}" if outcome.get("missing") and error else ""
            return outcome["status"], outcome["detail"] + before
    return "failed", _error(outputs, "the examination failed: ") or "the examination gave no outcome"


def _error(outputs: Iterable[dict], where: str) -> str:
    """``where`` and the error among the outputs, or ``""`` if there is none."""
    errors = [
        f"{where}{output['ename']}: {output['evalue']}" for output in outputs if output.output_type == "error"
    ]
    return errors[-1] if errors else ""


def _client(timeout: float):
    """An nbclient that keeps errors and outcomes only: a loop that prints would fill this machine's memory."""
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    class Client(NotebookClient):
        def output(self, outs, msg, display_id, cell_index):
            wanted = msg["msg_type"] == "error" or MIME in msg["content"].get("data", {})
            return super().output(outs, msg, display_id, cell_index) if wanted else None

    quiet = logging.getLogger("fakeface.grading")
    quiet.addHandler(logging.NullHandler())  # what it would say on a terminal stands in the table
    own = KernelSpecManager(kernel_dirs=[])  # this interpreter, whatever kernels are installed for the user
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=own, log=quiet)
    one_cell = new_notebook(cells=[new_code_cell()])
    options = {"allow_errors": True, "startup_timeout": 120, "shutdown_kernel": "immediate", "log": quiet}
    return Client(one_cell, km=manager, timeout=timeout, **options)


def _folder() -> Path:
    """Where the lessons run: the checkout's notebooks, or where this was called when there is no checkout."""
    folder = config.project_root() / "notebooks"
    return folder if folder.is_dir() else config.project_root()


def _environment() -> dict[str, str]:
    """The teacher's own, with this package first, paths that hold in another folder, and no Colab and no bars."""
    unwanted = ("MPLBACKEND", "COLAB_RELEASE_TAG")
    env = {name: value for name, value in os.environ.items() if name not in unwanted}
    package = str(Path(__file__).parents[2])
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [package, env.get("PYTHONPATH")]))
    env |= {"FAKEFACE_DATA": str(config.data_dir()), "FAKEFACE_RUNS": str(config.runs_dir() / "grading")}
    env["FAKEFACE_CACHE"] = str(config.cache_dir())
    return env | {"TQDM_DISABLE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
