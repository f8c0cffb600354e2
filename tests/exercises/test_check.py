"""What a student sees who types `check`, whatever the name holds."""

import dataclasses
import signal
import sys
import threading
import time
import warnings

import pytest

from course_utils.exercises import catalogue, checking
from course_utils.exercises.references import is_reference

RIGHT = "def one_hot(labels, classes):\n    return torch.eye(classes)[labels]\n"


def one_hot(body):
    return f"def one_hot(labels, classes):\n    {body}\n"


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("pass", "not defined"),
        ("one_hot = None", "should be a function, but it holds None"),
        ("one_hot = 'text'", "should be a function, but it holds a text"),
        ("one_hot = torch.eye(3)", "should be a function"),
        (one_hot("raise KeyError('lost')"), "KeyError"),
        (one_hot("return undefined_name"), "NameError"),
        (one_hot("return None"), "Is the `return` missing?"),
        (one_hot("return 'text'"), "should be a torch.Tensor of shape (8, 5), but it is a text"),
        (one_hot("return object()"), "an object of type object"),
        (one_hot("return [1, 2]"), "a list of 2 items"),
        (one_hot("return torch.eye(classes)[labels].numpy()"), "NumPy array"),
        (
            one_hot("return torch.eye(classes)[labels][:, :-1]"),
            "should have the shape (8, 5), but it has (8, 4)",
        ),
        (one_hot("return torch.eye(classes)[labels].T"), "it is transposed"),
        (one_hot("return torch.eye(classes)[labels].half()"), "should have the dtype float32"),
        (one_hot("return torch.eye(classes)[labels].to('meta')"), "device 'meta'"),
        (one_hot("return -torch.eye(classes)[labels]"), "the sign is flipped"),
        (one_hot("return 8 * torch.eye(classes)[labels]"), "8 times what they should be (8 is the size of"),
        (one_hot("return torch.eye(classes)[labels] + 1"), "all are off by 1"),
        (one_hot("return torch.eye(classes)[labels] * float('nan')"), "not finite"),
        (one_hot("return torch.zeros(len(labels), classes)"), "all zero"),
        (one_hot("labels += 1; return torch.eye(classes)[labels - 1]"), "changes its input `labels`"),
        (one_hot("import sys; sys.exit()"), "SystemExit"),
        (one_hot("raise KeyboardInterrupt"), "KeyboardInterrupt"),
        (one_hot("return one_hot(labels, classes)"), "RecursionError"),
        ("def one_hot(labels):\n    return labels\n", "Keep the arguments of `one_hot`"),
        (one_hot("print('noise\\n' * 1000); return labels"), "... and 993 more lines"),
    ],
)
def test_whatever_the_name_holds_gets_a_sentence_and_the_reference(student, cell, words):
    student.run(cell)
    shown = student.run('check("1.3")')
    assert words in shown
    assert shown.count("noise") <= 8
    assert "From here the notebook uses our `one_hot`" in shown
    assert is_reference(student.names["one_hot"])
    assert student.names["one_hot"](student.names["torch"].tensor([1]), 3).tolist() == [[0, 1, 0]]


def test_a_right_answer_is_kept_and_praised_with_its_points(student):
    student.run(RIGHT)
    own = student.names["one_hot"]
    assert "Exercise 1.3 is right (1 point)" in student.run('check("1.3")')
    assert student.names["one_hot"] is own


@pytest.mark.parametrize(
    "loop",
    [
        "while True: pass",
        "while True:\n        try:\n            len([])\n        except Exception:\n            pass",
    ],
)
def test_an_answer_that_never_ends_is_stopped(student, monkeypatch, loop):
    notebook, exercise = catalogue.find("1.3")
    hasty = dataclasses.replace(exercise, limit_seconds=0.3)
    monkeypatch.setattr(catalogue, "find", lambda _: (notebook, hasty))
    student.run(one_hot(loop))
    assert "not come to an end after 0.3 seconds" in student.run('check("1.3")')
    student.run(RIGHT)
    assert "is right" in student.run('check("1.3")')


def test_an_answer_that_sleeps_inside_a_library_does_not_hold_the_notebook_up(student, monkeypatch):
    notebook, exercise = catalogue.find("1.3")
    hasty = dataclasses.replace(exercise, limit_seconds=0.2)
    monkeypatch.setattr(catalogue, "find", lambda _: (notebook, hasty))
    student.run(one_hot("import time; time.sleep(3.5)"))
    started, printer, filters = time.monotonic(), sys.stdout, list(warnings.filters)
    assert "not come to an end" in student.run('check("1.3")')
    assert time.monotonic() - started < 3.2
    for thread in threading.enumerate():
        if thread.name == "probe":
            thread.join(10)
    assert sys.stdout is printer, "the thread that was left behind took the output along"
    assert warnings.filters == filters


def test_a_blank_is_told_politely_and_costs_nothing(student):
    student.run(catalogue.texts("01_manual_backprop").exercises["1.3"].stub.replace("Tensor", "torch.Tensor"))
    shown = student.run('check("1.3")')
    assert "still blank" in shown
    assert "not right" not in shown
    assert "mine(" not in shown
    assert is_reference(student.names["one_hot"])


def test_the_reference_is_never_accepted_as_an_answer(student):
    student.run('check("1.3")')
    shown = student.run('check("1.3")')
    assert "this is our answer, not yours" in shown
    assert "is right" not in shown


def test_the_replaced_answer_can_be_had_back(student):
    student.run(one_hot("return 7") + "own = one_hot")
    student.run('check("1.3")')
    assert student.names["mine"]("1.3") is student.names["own"]


def test_asking_for_an_answer_that_was_not_replaced_says_so(student):
    with pytest.raises(ValueError, match=r"Nothing of yours was replaced in exercise 1\.3"):
        student.names["mine"]("1.3")


def test_an_earlier_mistake_does_not_spoil_a_later_exercise(student):
    solution = (
        catalogue.texts("01_manual_backprop").exercises["1.11"].solution.replace("Tensor", "torch.Tensor")
    )
    student.run("def softmax(logits):\n    return logits * 0")
    wrong_softmax = student.names["softmax"]
    student.run(solution)
    assert "Exercise 1.11 is right" in student.run('check("1.11")')
    assert student.names["softmax"] is wrong_softmax


def test_a_wrong_value_is_neither_replaced_nor_given_away(student):
    student.run("q4_parameters = 20\nq4_yours = 'nh'")
    shown = student.run('check("1.5")')
    assert "The output units have biases too." in shown
    assert "22" not in shown
    assert student.names["q4_parameters"] == 20


def test_one_blank_value_of_two_counts_as_blank(student):
    student.run("q4_parameters = 22\nq4_yours = ...")
    assert "still blank" in student.run('check("1.5")')


@pytest.mark.parametrize(
    ("asked", "words"),
    [('"1.33"', "Did you mean 1."), ("1.30", "between quotes"), ('"x"', "There are 1.1 to")],
)
def test_an_unknown_exercise_is_answered_with_the_nearest(student, asked, words):
    student.run(RIGHT)
    shown = student.run(f"check({asked})")
    assert words in shown


def test_in_strict_mode_a_wrong_answer_fails_and_the_reference_is_bound_all_the_same(student, monkeypatch):
    monkeypatch.setenv("COURSE_CHECK", "strict")
    student.run(one_hot("return 7"))
    with pytest.raises(AssertionError, match=r"Exercise 1\.3"):
        student.run('check("1.3")')
    assert is_reference(student.names["one_hot"])


def test_a_fault_of_the_course_is_not_blamed_on_the_student(student, monkeypatch):
    def broken(*_):
        raise RuntimeError("ours")

    monkeypatch.setattr(checking, "judge", broken)
    student.run(RIGHT)
    shown = student.run('check("1.3")')
    assert "fault of the course" in shown


def test_hints_come_one_at_a_time_and_only_when_asked_for_by_number(student):
    first, second = catalogue.find("1.3")[1].hints
    overview = student.run('hint("1.3")')
    assert first not in overview
    assert second not in overview
    assert first in student.run('hint("1.3", 1)')
    assert second in student.run('hint("1.3", 2)')
    assert "Ask for one by number" in student.run('hint("1.3", 3)')


def test_a_solution_is_shown_for_code_and_withheld_for_values(student):
    assert "torch.arange(classes)" in student.run('solution("1.3")')
    shown = student.run('solution("1.5")')
    assert "22" not in shown
    assert "hint(" in shown


def test_reset_gives_the_empty_cell_back(student):
    shown = student.run('reset("1.3")')
    assert 'raise NotImplementedError("Exercise 1.3")' in shown
    assert "torch.arange" not in shown


def test_progress_survives_a_restart(student):
    student.run(RIGHT)
    student.run('check("1.3")')
    student.run('hint("1.4", 1)')
    shown = student.run("progress()")
    assert "1 of 51 points" in shown
    assert "hints 1" in shown
    assert (student.folder / "01_manual_backprop.progress.json").is_file()
    assert [f.name for f in student.folder.iterdir()] == ["01_manual_backprop.progress.json"]


def test_a_damaged_progress_file_counts_as_nothing_done(student):
    (student.folder / "01_manual_backprop.progress.json").write_text("{broken", encoding="utf-8")
    assert "0 of 51 points" in student.run("progress()")


@pytest.mark.parametrize("variable", ["CI", "PYTEST_VERSION"])
def test_no_progress_is_written_in_tests_and_continuous_integration(student, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    student.run(RIGHT)
    student.run('check("1.3")')
    assert list(student.folder.iterdir()) == []


def test_each_copy_of_a_notebook_keeps_its_own_progress(student, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", str(student.folder / "01_manual_backprop-2.ipynb"))
    student.run(RIGHT)
    student.run('check("1.3")')
    assert [f.name for f in student.folder.iterdir()] == ["01_manual_backprop-2.progress.json"]


def test_what_was_right_once_stays_right(student):
    student.run(RIGHT)
    student.run('check("1.3")')
    student.run(one_hot("return 7"))
    assert "not right yet" in student.run('check("1.3")')
    assert "1 of 51 points" in student.run("progress()")


def test_what_an_answer_prints_is_shown(student):
    student.run(
        "def one_hot(labels, classes):\n"
        "    print('shape', labels.shape)\n    return torch.eye(classes)[labels]\n"
    )
    shown = student.run('check("1.3")')
    assert "is right" in shown
    assert shown.count("shape torch.Size([8])") == 1


def test_an_error_is_quoted_with_the_students_own_line(student):
    student.run(
        "def gradient_logits(y, logits):\n    probabilities = softmax(logits)\n    return probabilities - y\n"
    )
    shown = student.run('check("1.18")')
    assert "IndexError" in shown
    assert "exponentials" not in shown


def test_checking_our_answer_repeats_what_was_wrong_with_theirs(student):
    student.run(one_hot("return -torch.eye(classes)[labels]"))
    student.run('check("1.3")')
    shown = student.run('check("1.3")')
    assert "this is our answer" in shown
    assert "the sign is flipped" in shown


def test_a_wrong_scale_is_not_called_a_fault_of_the_course(student, monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "big")
    student.run(RIGHT)
    shown = student.run('check("1.3")')
    assert "COURSE_SCALE is 'big'" in shown
    assert "fault" not in shown


def test_a_not_implemented_error_of_torch_is_not_taken_for_a_blank(student):
    student.run(one_hot("return torch.nn.functional.cross_entropy(labels, labels)"))
    assert "still blank" not in student.run('check("1.3")')


def test_an_interrupted_check_says_so_and_leaves_nothing_running(student):
    student.run('check("1.4")')  # the first check of a session also runs the setup cells
    student.run(one_hot("while True: pass"))
    # a signal, as a notebook's stop button sends it: it wakes a waiting main thread, a mere flag need not
    main = threading.main_thread().ident
    threading.Timer(0.5, signal.pthread_kill, [main, signal.SIGINT]).start()
    assert "interrupted" in student.run('check("1.3")')
    time.sleep(0.2)
    assert not any(thread.name == "probe" for thread in threading.enumerate())


def test_a_function_that_wraps_ours_is_not_taken_for_ours(student):
    student.run('check("1.3")')
    student.run(
        "import functools\nours = one_hot\n@functools.wraps(ours)\ndef one_hot(labels, classes):\n"
        "    return torch.eye(classes)[labels]\n"
    )
    assert "is right" in student.run('check("1.3")')


def test_a_test_of_ones_own_that_fails_after_the_definition_is_not_called_an_older_version(student):
    checking._cell_errors["1.3"] = "IndexError"
    student.run(one_hot("return 7"))
    assert "older version" not in student.run('check("1.3")')


@pytest.mark.parametrize(
    "kept", ['{"attempts": "x"}', '{"hints": null}', '{"later": 1, "status": "right"}', "[]"]
)
def test_odd_entries_of_the_progress_file_count_as_new(student, kept):
    file = student.folder / "01_manual_backprop.progress.json"
    file.write_text('{"exercises": {"1.4": {"status": "right"}, "1.3": ' + kept + "}}", encoding="utf-8")
    student.run(RIGHT)
    assert "is right" in student.run('check("1.3")')
    assert "3 of 51 points" in student.run("progress()"), "the other exercise keeps its points"


def test_a_damaged_progress_file_is_kept_aside(student):
    file = student.folder / "01_manual_backprop.progress.json"
    file.write_text("{broken", encoding="utf-8")
    student.run(RIGHT)
    student.run('check("1.3")')
    assert file.with_suffix(".damaged").read_text(encoding="utf-8") == "{broken"


def test_an_input_that_gains_an_entry_is_named(student):
    solution = (
        catalogue.texts("01_manual_backprop").exercises["1.11"].solution.replace("Tensor", "torch.Tensor")
    )
    student.run(solution.replace("    logits = ", "    params['h'] = h\n    logits = "))
    shown = student.run('check("1.11")')
    assert "adds 'h' to its input `params`" in shown


def test_an_answer_too_large_to_look_at_is_the_answers_fault(student):
    student.run(one_hot("return [torch.zeros(2**22)] * 5"))
    shown = student.run('check("1.3")')
    assert "fault of the course" not in shown
