"""Alike submissions: found whatever was renamed, and never because a task leaves no choice."""

import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.grading.similarity import Alike, find_alike, tokens

EXERCISES = [f"1.{i}" for i in range(1, 9)]
HEAD = 'def answer(x: Tensor, y: Tensor) -> Tensor:\n    """Return it."""'
RELEASE = {e: f'# Exercise {e}\n{HEAD}\n    raise NotImplementedError("{e}")' for e in EXERCISES}


def program(draw, statements=6):
    """Return an answer of random statements: two of them are alike only if copied."""
    calls = ["exp", "log", "sum", "mean", "max", "clone", "view", "abs", "sqrt", "tanh", "dot", "outer"]
    lines = [HEAD]
    for _ in range(statements):
        f, g = draw.choice(calls), draw.choice(calls)
        i, j, sign = draw.randint(0, 9), draw.randint(0, 9), draw.choice("+-*/@")
        lines.append(f"    value = x.{f}({i}) {sign} y.{g}(value[{j}])")
    return "\n".join([*lines, "    return value"])


SOLUTION = {e: program(random.Random(int(e[2:]))) for e in EXERCISES}


def honest(n, seed=0):
    """Return a class in which everybody wrote everything alone."""
    draw = random.Random(1000 + seed)
    return {f"s{i:03}": {e: program(draw) for e in EXERCISES} for i in range(n)}


def disguised(text):
    """Return the same program with other names, comments, docstring and form."""
    text = text.replace("Return it.", "My very own idea.").replace("value", "tmp").replace("x.", "first.")
    text = (
        re.sub(r"\bx\b", "first", text).replace(" + ", "+").replace("return tmp", "# done\n    return (tmp)")
    )
    return text.replace("    ", "\t") + "\n\n# the end"


def groups(sources, release=RELEASE, solution=SOLUTION):
    return [found.students for found in find_alike(sources, release, solution) if len(found.students) > 1]


def test_names_comments_docstrings_and_form_do_not_count():
    one = 'def f(x):\n    """Doc."""\n    return g(x.exp() + 1, [\n        2,\n    ])  # why'
    other = "def other(value): return (h((value.exp()+1), [2]))"
    assert tokens(one) == tokens(other)


def test_attributes_keywords_builtins_and_constants_do_count():
    same = "return len(x.exp()) + 1"
    for other in (
        "yield len(x.exp()) + 1",
        "return sum(x.exp()) + 1",
        "return len(x.log()) + 1",
        "return len(x.exp()) + 2",
    ):
        assert tokens(same) != tokens(other)


def test_a_string_says_the_same_in_any_quotes():
    assert tokens("a['Wh']") == tokens('a["Wh"]') != tokens('a["Wy"]')


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_text_can_be_tokenised(text):
    found = tokens(text)
    assert all(found)
    assert sum(map(len, found)) <= 2 * len(text)


@pytest.mark.parametrize(
    "broken", ["def f(:\n    return x.exp(", '"""never closed', "x = 'never closed\ny.exp", "%%time\nx.exp()"]
)
def test_what_is_no_python_is_tokenised_as_far_as_it_goes(broken):
    assert tokens(broken)


def test_a_long_hostile_text_costs_little_time():
    start = time.perf_counter()
    for text in (
        '"""\\' * 100_000,
        "(" * 400_000,
        "'" * 400_001,
        "\\" * 400_000,
        " \t" * 200_000 + "x",
        "\n" * 400_000,
    ):
        tokens(text)
    assert time.perf_counter() - start < 1


def test_a_copy_is_found_though_it_was_disguised():
    sources = honest(30)
    sources["s017"] = {e: disguised(text) for e, text in sources["s004"].items()}
    [found] = find_alike(sources, RELEASE, SOLUTION)
    assert found.students == ("s004", "s017")
    assert found.exercises == tuple(EXERCISES)
    assert found.share == 1.0
    assert "deviations more alike" in found.note


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", [1, 2, 3, 10, 100])
def test_who_wrote_alone_is_not_listed(n, seed):
    assert find_alike(honest(n, seed), RELEASE, SOLUTION) == []


def test_half_a_copy_is_found_and_only_those_exercises_are_named():
    sources = honest(30)
    sources["s017"] |= {e: sources["s004"][e] for e in EXERCISES[:4]}
    [found] = find_alike(sources, RELEASE, SOLUTION)
    assert found.exercises == tuple(EXERCISES[:4])
    assert 0.4 < found.share < 0.6


def test_two_submissions_without_a_class_are_compared_too():
    [one] = honest(1).values()
    [found] = find_alike({"a": one, "b": one}, RELEASE, SOLUTION)
    assert (found.students, found.share) == (("a", "b"), 1.0)


def test_a_ring_is_one_group():
    sources = honest(60)
    for i in range(12):
        sources[f"s{i:03}"] = sources["s000"]
    assert groups(sources) == [tuple(f"s{i:03}" for i in range(12))]


def test_what_the_whole_class_wrote_says_nothing():
    sources = dict.fromkeys((f"s{i}" for i in range(20)), honest(1)["s000"])
    assert groups(sources) == []


def test_a_release_that_was_left_as_it_is_says_nothing():
    assert find_alike({"a": RELEASE, "b": RELEASE, **honest(8)}, RELEASE, SOLUTION) == []


def test_short_answers_say_nothing():
    release = dict.fromkeys(EXERCISES, "q = ...\nq_reason = ...")
    sources = {
        s: {e: f'q = "{draw.choice("abcd")}"\nq_reason = {draw.randint(1, 9)}' for e in EXERCISES}
        for s, draw in ((str(i), random.Random(i)) for i in range(9))
    }
    sources["copy"] = sources["0"]
    assert groups(sources, release, release) == []


def test_one_alike_exercise_alone_is_not_enough():
    sources = {student: {e: texts[e] for e in EXERCISES[:2]} for student, texts in honest(30).items()}
    sources["s017"]["1.2"] = sources["s004"]["1.2"]
    assert groups(sources) == []


def test_three_copied_answers_of_eight_are_found_where_nobody_else_is_alike():
    sources = honest(30)
    sources["s017"] |= {e: sources["s004"][e] for e in EXERCISES[:3]}
    assert groups(sources) == [("s004", "s017")]


def test_where_many_are_alike_in_part_a_part_is_not_unusual():
    """Each answer is one of four that go round, so that two students share a quarter by chance."""
    draw, round_ = random.Random(0), [honest(1, seed)["s000"] for seed in range(4)]
    sources = {f"s{i:03}": {e: draw.choice(round_)[e] for e in EXERCISES} for i in range(30)}
    assert groups(sources) == []


def test_what_most_of_the_class_wrote_does_not_count_in_what_two_share():
    sources = honest(30)
    for texts in sources.values():
        texts |= {e: honest(1, seed=7)["s000"][e] for e in EXERCISES[:4]}
    sources["s017"] = {**sources["s004"], "1.8": sources["s017"]["1.8"]}
    [found] = find_alike(sources, RELEASE, SOLUTION)
    assert found.exercises == ("1.5", "1.6", "1.7")
    assert 0.7 < found.share < 0.8


def test_two_who_kept_what_the_release_gives_while_others_wrote_anew_are_not_alike():
    given = "\n".join(program(random.Random(99), 12).splitlines()[:-1])
    release = dict.fromkeys(EXERCISES, given)
    sources = honest(10)
    sources["s001"] = dict.fromkeys(EXERCISES, f"{given}\n    return x - y")
    sources["s002"] = dict.fromkeys(EXERCISES, f"{given}\n    return [x, y]")
    assert groups(sources, release, {}) == []


def test_copies_of_the_published_solution_are_listed_apart_and_not_as_a_pair():
    sources = honest(10)
    sources["s001"] = sources["s002"] = {e: disguised(text) for e, text in SOLUTION.items()}
    sources["s003"]["1.2"] = SOLUTION["1.2"]
    found = find_alike(sources, RELEASE, SOLUTION)
    assert [(f.students, f.share) for f in found] == [(("s001",), 1.0), (("s002",), 1.0), (("s003",), 1 / 8)]
    assert found[2].exercises == ("1.2",)
    assert "published solution" in found[2].note


def test_a_short_solution_can_be_found_by_oneself():
    solution = dict.fromkeys(EXERCISES, "def answer(x: Tensor, y: Tensor) -> Tensor:\n    return x.exp() - y")
    assert find_alike({"a": solution, "b": solution}, RELEASE, solution) == []


def test_the_order_of_the_students_does_not_matter():
    sources = honest(20)
    sources["s011"] = sources["s003"]
    backwards = dict(reversed(sources.items()))
    assert find_alike(sources, RELEASE, SOLUTION) == find_alike(backwards, RELEASE, SOLUTION)


def test_missing_answers_and_students_without_any_are_no_error():
    assert find_alike({}, RELEASE, SOLUTION) == []
    assert find_alike({"a": {}, "b": {"1.1": ""}, "c": {"unknown": "x = 1"}}, RELEASE, SOLUTION) == []


def test_300_students_with_30_exercises_take_less_than_5_seconds():
    draw = random.Random(0)
    exercises = [f"1.{i}" for i in range(30)]
    sources = {f"s{i:03}": {e: program(draw, 8) for e in exercises} for i in range(300)}
    sources["s007"] = sources["s100"]
    start = time.process_time()
    found = find_alike(sources, {}, {})
    assert time.process_time() - start < 5
    assert [f.students for f in found] == [("s007", "s100")]


def test_alike_is_a_plain_value():
    assert Alike(("a",), ("1.1",), 0.5, "n") == Alike(("a",), ("1.1",), 0.5, "n")
