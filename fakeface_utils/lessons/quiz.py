"""The questions of a lesson: ``quiz.check("01", a="2", b="")``.

They live in ``quizzes/NN.yaml``, a question a letter; each wrong option is an error that people make, and every
option says why it is right or wrong::

    a:
      question: One sentence.
      options: {1: text, 2: text, 3: text}   # three or four
      right: 2
      why: {1: why this is wrong, 2: why this is right, 3: why this is wrong}
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

import yaml

from fakeface_utils.lessons.checks import Outcome

FOLDER = Path(__file__).parent / "quizzes"
KEYS = {"question", "options", "right", "why"}


def lessons(folder: Path = FOLDER) -> list[str]:
    """The numbers of the lessons that have questions, ``["00", "01", ...]``."""
    return sorted(path.stem for path in folder.glob("[0-9][0-9].yaml"))


def questions(lesson: str, folder: Path = FOLDER) -> dict[str, dict]:
    """The questions of a lesson, letter -> ``question``, ``options``, ``right`` and ``why``; options are texts.

    Raises:
        ValueError: the lesson has none, or its file is not as this module says; it names file and question.
    """
    path = folder / f"{lesson}.yaml"
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(lessons(folder)) or "none"
        raise ValueError(f"lesson {lesson!r} has no questions; the lessons that have some: {known}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(read, dict) or not read:
        raise ValueError(f"{path} must be a mapping of letters to questions")
    for letter, question in read.items():
        for problem in _problems(letter, question):
            raise ValueError(f"{path}: question {letter!r} {problem}")
    return {letter: _as_texts(question) for letter, question in read.items()}


def _problems(letter: object, question: object) -> Iterator[str]:
    """What is wrong with a question, as the end of a sentence; each line may rely on those above it."""
    if not (isinstance(letter, str) and len(letter) == 1 and "a" <= letter <= "z"):
        yield "must have a small letter for its name"
    if not isinstance(question, dict) or set(question) != KEYS:
        yield f"must have the keys {', '.join(sorted(KEYS))} and no others"
    if not _is_text(question["question"]):
        yield "has no text as its question"
    options, why = question["options"], question["why"]
    if not isinstance(options, dict) or list(options) not in ([1, 2, 3], [1, 2, 3, 4]):
        yield "must have three or four options, numbered from 1"
    if type(question["right"]) is not int or question["right"] not in options:
        yield f"has right: {question['right']!r}, which is none of its options"
    if not isinstance(why, dict) or list(why) != list(options):
        yield "must say why for every option, and for no other"
    for key, texts in (("options", options), ("why", why)):
        if bad := [str(number) for number, text in texts.items() if not _is_text(text)]:
            yield f"has no text for {key} {', '.join(bad)} (quote a text that looks like something else)"
    if len(set(options.values())) < len(options):
        yield "has the same option twice"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _as_texts(question: dict) -> dict:
    """Options and answers as texts on one line each: YAML folds long lines and reads 1 as a number."""
    line = {key: " ".join(str(question[key]).split()) for key in ("question", "right")}
    lists = {
        key: {str(n): " ".join(text.split()) for n, text in question[key].items()} for key in ("options", "why")
    }
    return line | lists


def markdown(lesson: str, folder: Path = FOLDER) -> str:
    """The questions of a lesson for its notebook, without the answers."""
    blocks = []
    for letter, question in questions(lesson, folder).items():
        listed = "\n".join(f"{number}. {text}" for number, text in question["options"].items())
        blocks.append(f"**{letter}.** {question['question']}\n\n{listed}")
    return "\n\n".join(blocks)


def judge(lesson: str, folder: Path = FOLDER, **answers: str | int) -> dict[str, Outcome]:
    """How each question was answered; one that ``answers`` leaves out counts as not attempted.

    The text of an outcome is the explanation of the option that was chosen.

    Raises:
        ValueError: an answer is for a question that does not exist.
    """
    asked = questions(lesson, folder)
    if unknown := [letter for letter in answers if letter not in asked]:
        raise ValueError(
            f"the quiz of lesson {lesson} has no question {', '.join(unknown)}; there are {', '.join(asked)}"
        )
    return {letter: _outcome(question, answers.get(letter)) for letter, question in asked.items()}


def _outcome(question: dict, answer: str | int | None) -> Outcome:
    chosen = "" if answer is None else str(answer).strip()
    if not chosen:
        return Outcome("not attempted", "no answer yet")
    if chosen not in question["options"]:
        return Outcome("failed", f"{chosen!r} is no option; there are {', '.join(question['options'])}")
    return Outcome("passed" if chosen == question["right"] else "failed", question["why"][chosen])


def check(lesson: str, folder: Path = FOLDER, **answers: str | int) -> None:
    """Print how each question was answered, and how many are right.

    Raises:
        ValueError: as :func:`judge`.
    """
    judged = judge(lesson, folder, **answers)
    marks = {"not attempted": "⏳", "passed": "✅", "failed": "❌"}
    for letter, outcome in judged.items():
        print(fill(f"{marks[outcome.status]} {letter}: {outcome.text}", 88, subsequent_indent="     "))
    right = sum(outcome.status == "passed" for outcome in judged.values())
    print(f"{right} of {len(judged)} right")


def solution(lesson: str, folder: Path = FOLDER) -> dict[str, str]:
    """The right option of each question, letter -> ``"2"``."""
    return {letter: question["right"] for letter, question in questions(lesson, folder).items()}
