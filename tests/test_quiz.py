"""Quizzes: what is read, what is printed, and which files are refused."""

import pytest
import yaml

from fakeface_utils.lessons import quiz

GOOD = {
    "a": {
        "question": "Which\n  one?",
        "options": {1: "this", 2: "that", 3: "both"},
        "right": 2,
        "why": {1: "not this", 2: "yes,\nthat", 3: "not both"},
    },
    "b": {
        "question": "And now?",
        "options": {1: "one", 2: "two", 3: "three", 4: "four"},
        "right": 4,
        "why": {1: "no 1", 2: "no 2", 3: "no 3", 4: "yes 4"},
    },
}


def write(folder, read):
    (folder / "77.yaml").write_text(yaml.safe_dump(read), encoding="utf-8")
    return folder


def changed(letter="a", **values):
    return GOOD | {letter: GOOD[letter] | values}


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path, GOOD)


def test_questions_come_as_texts_on_one_line(folder):
    read = quiz.questions("77", folder)
    assert read["a"]["question"] == "Which one?" and read["a"]["why"]["2"] == "yes, that"
    assert list(read["b"]["options"]) == ["1", "2", "3", "4"]
    assert quiz.solution("77", folder) == {"a": "2", "b": "4"}
    assert quiz.lessons(folder) == ["77"]


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ([], "must be a mapping of letters"),
        ({}, "must be a mapping of letters"),
        ({"ab": GOOD["a"]}, "question 'ab' must have a small letter"),
        ({1: GOOD["a"]}, "question 1 must have a small letter"),
        ({"a": "Which?"}, "question 'a' must have the keys"),
        ({"a": {k: v for k, v in GOOD["a"].items() if k != "why"}}, "question 'a' must have the keys"),
        (changed(hint="more"), "must have the keys"),
        (changed("b", question=" "), "question 'b' has no text as its question"),
        (changed(options={1: "this", 2: "that"}), "three or four options"),
        (changed(options={2: "this", 3: "that", 4: "both"}), "three or four options"),
        (changed(options=["this", "that", "both"]), "three or four options"),
        (changed(right=4), "question 'a' has right: 4, which is none"),
        (changed(right="2"), "has right: '2', which is none"),
        (changed(right=True), "has right: True, which is none"),
        (changed(right=[2]), "which is none"),
        (changed(why={1: "no", 2: "yes"}), "say why for every option"),
        (changed(why={1: "no", 2: "yes", 3: "no", 4: "no"}), "say why for every option"),
        (changed(options={1: "this", 2: 0.5, 3: "both"}), "has no text for options 2"),
        (changed(why={1: "no", 2: "yes", 3: ""}), "has no text for why 3"),
        (changed(options={1: "this", 2: "that", 3: "that"}), "same option twice"),
    ],
)
def test_a_file_that_is_not_as_it_must_be_is_refused_by_name(tmp_path, read, said):
    with pytest.raises(ValueError, match=r"77\.yaml.*" + said.replace("(", r"\(")):
        quiz.questions("77", write(tmp_path, read))


def test_a_file_that_is_no_yaml_and_a_lesson_without_questions_are_said(folder):
    with pytest.raises(ValueError, match=r"'78' has no questions; the lessons that have some: 77"):
        quiz.questions("78", folder)
    (folder / "77.yaml").write_text("a: {", encoding="utf-8")
    with pytest.raises(ValueError, match=r"77\.yaml cannot be read"):
        quiz.questions("77", folder)


def test_markdown_shows_the_questions_and_no_answer(folder):
    shown = quiz.markdown("77", folder)
    assert shown.startswith("**a.** Which one?\n\n1. this\n2. that\n3. both\n\n**b.** And now?\n\n1. one\n")
    assert "yes" not in shown and "not" not in shown


def test_judge_explains_the_option_that_was_chosen(folder):
    judged = quiz.judge("77", folder, a=" 2 ", b=3)
    assert {letter: (o.status, o.text) for letter, o in judged.items()} == {
        "a": ("passed", "yes, that"),
        "b": ("failed", "no 3"),
    }
    judged = quiz.judge("77", folder, a="", b="both")
    assert judged["a"].status == "not attempted"
    assert (judged["b"].status, judged["b"].text) == ("failed", "'both' is no option; there are 1, 2, 3, 4")
    assert {o.status for o in quiz.judge("77", folder, a=None).values()} == {"not attempted"}
    assert quiz.judge("77", folder, b=4)["b"].status == "passed"


def test_a_question_that_does_not_exist_is_an_error(folder):
    with pytest.raises(ValueError, match="no question c; there are a, b"):
        quiz.judge("77", folder, c="1")
    with pytest.raises(ValueError, match="no question c"):
        quiz.check("77", folder, c="1")


def test_check_prints_a_mark_a_question_and_how_many_are_right(folder, capsys):
    quiz.check("77", folder, a="2", b="")
    assert capsys.readouterr().out.splitlines() == ["✅ a: yes, that", "⏳ b: no answer yet", "1 of 2 right"]
    quiz.check("77", folder, a="9", b="1")
    assert capsys.readouterr().out.splitlines()[1:] == ["❌ b: no 1", "0 of 2 right"]


@pytest.mark.parametrize("lesson", quiz.lessons())
def test_the_lessons_own_quizzes(lesson):
    """Nobody passes by always taking one option, or the longest."""
    asked, right = quiz.questions(lesson), quiz.solution(lesson)
    assert len(asked) >= 3
    assert len(set(right.values())) > 1
    longest = {letter: max(q["options"], key=lambda n: len(q["options"][n])) for letter, q in asked.items()}
    assert sum(longest[letter] == right[letter] for letter in asked) <= len(asked) / 2
    assert quiz.check(lesson, **right) is None
    assert {o.status for o in quiz.judge(lesson, **right).values()} == {"passed"}


def test_two_quizzes_do_not_share_their_solution():
    solutions = [tuple(quiz.solution(lesson).values()) for lesson in quiz.lessons()]
    assert len(set(solutions)) == len(solutions)
