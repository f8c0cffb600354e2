"""The command `course`: a table of subcommands, each imported only when it is called."""

import argparse
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple


class Command(NamedTuple):
    """One subcommand: what the help says, the arguments it takes, and what runs."""

    purpose: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done. 1: done, and something is not right (a notebook failed, a check of `doctor` failed).
    2: the command could not be carried out; one sentence on the error stream says why.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an old console without "±" shows "?" instead of failing
            stream.reconfigure(errors="replace")
    chosen = _parser().parse_args(arguments)
    try:
        return COMMANDS[chosen.command].run(chosen)
    except ValueError as error:
        if not _is_ours(error):
            raise
        print(f"course {chosen.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has seen enough: `course results show | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(f"course {chosen.command}: stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="course", description="The deep-learning notebook course, from the command line."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add_arguments(subparsers.add_parser(name, help=command.purpose, description=command.purpose))
    return parser


def _is_ours(error: ValueError) -> bool:
    """Tell a sentence for the user from an accident deep inside a library, which keeps its traceback."""
    if type(error).__module__.startswith("course_utils"):
        return True
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return type(error) is ValueError and frames[-1].f_globals["__name__"].startswith("course_utils")


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def _doctor(chosen: argparse.Namespace) -> int:  # noqa: ARG001
    from course_utils import doctor

    return doctor.main()


def _start_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebooks", nargs="*", help="numbers or names, for example 01; default: all")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="folder of your copies (default: work)")
    parser.add_argument("--fresh", action="store_true", help="another copy beside the one you have")


def _start(chosen: argparse.Namespace) -> int:
    from course_utils.start import start

    print(*start(chosen.notebooks, into=chosen.into, fresh=chosen.fresh), sep="\n")
    return 0


def _data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", help="data sets to fetch and decode now; default: list them all")


def _data(chosen: argparse.Namespace) -> int:
    from course_utils.data import commands

    return commands.main(chosen.names)


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebooks", nargs="*", help="numbers or names, for example 01; default: all")
    parser.add_argument("--workers", type=_positive, help="notebooks at once; default: what fits")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder of the pages (default: build/run)")


def _run(chosen: argparse.Namespace) -> int:
    from course_utils.run import run

    return run(chosen.notebooks, workers=chosen.workers, out=chosen.out)


def _build_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="an assignment of your own: write its release"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file has drifted")


def _build(chosen: argparse.Namespace) -> int:
    from course_utils import build

    return build.main(check=chosen.check, folder=chosen.folder)


def _release_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebook", nargs="?", metavar="NUMBER", help="the course's notebook, for example 01")
    parser.add_argument("--assignment", type=Path, metavar="FOLDER", help="an assignment of your own")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder, to hand out")


def _release(chosen: argparse.Namespace) -> int:
    from course_utils.grading import release
    from course_utils.repository import find_repository

    return release.release(
        chosen.out, notebook=chosen.notebook, assignment=chosen.assignment, repository=find_repository()
    )


def _results_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("run", help="run one experiment and add its rows to your ledger")
    one.add_argument("key", help="the experiment's key, for example A1")
    one.add_argument("--scale", choices=["smoke", "laptop", "full"], default="smoke")
    one.add_argument("--seeds", type=_positive, default=1, help="how many seeds")
    one.add_argument("--setting", help="only this setting of the experiment; default: all")
    one.add_argument("--again", action="store_true", help="run also what has its row already")
    one.add_argument("--official", action="store_true", help="for maintainers: add to the course's ledger")
    show = actions.add_parser("show", help="the ledger's figures beside the reports'")
    show.add_argument("key", nargs="?", help="one experiment; default: all")
    show.add_argument("--json", action="store_true", help="for programs")


def _results(chosen: argparse.Namespace) -> int:
    from course_utils.experiments import commands

    if chosen.action == "run":
        return commands.run_key(
            chosen.key,
            scale=chosen.scale,
            seeds=chosen.seeds,
            setting=chosen.setting,
            again=chosen.again,
            official=chosen.official,
        )
    return commands.show(chosen.key, as_json=chosen.json)


def _grade_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "submissions",
        nargs="+",
        metavar="SUBMISSIONS",
        help="folder, zip or file of submissions; or: set STUDENT EXERCISE POINTS, to overrule a mark",
    )
    parser.add_argument("--notebook", metavar="NUMBER", help="the course's notebook, for example 01")
    parser.add_argument("--assignment", type=Path, metavar="FOLDER", help="an assignment of your own")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="records, marks and pages")
    parser.add_argument("--roster", type=Path, metavar="FILE", help="who should have handed in: CSV or names")
    parser.add_argument("--workers", type=_positive, help="submissions at once; default: one for each core")
    parser.add_argument("--only", action="append", default=[], metavar="STUDENT", help="only this student")
    parser.add_argument("--regrade", action="store_true", help="grade again what has its record")
    parser.add_argument("--comment", help="for set: why the mark is another")
    parser.add_argument(
        "--unsafe-no-sandbox",
        action="store_true",
        help="run submissions without protection: they can do whatever you can; for your own files",
    )


def _grade(chosen: argparse.Namespace) -> int:
    from course_utils.grading import commands

    if chosen.submissions[0] == "set" and len(chosen.submissions) == 4:
        _, student, exercise, points = chosen.submissions
        try:
            number = None if points == "auto" else float(points)
        except ValueError:
            raise commands.GradeError(
                f"{points!r} is not a number of points. Or type auto, for the grader's."
            ) from None
        return commands.override(chosen.out, student, exercise, number, comment=chosen.comment)
    if len(chosen.submissions) > 1:
        raise commands.GradeError("Give one folder or zip of submissions, or: set STUDENT EXERCISE POINTS.")
    return commands.grade(
        Path(chosen.submissions[0]),
        notebook=chosen.notebook,
        assignment=chosen.assignment,
        out=chosen.out,
        roster=chosen.roster,
        workers=chosen.workers,
        only=chosen.only,
        regrade=chosen.regrade,
        sandboxed=not chosen.unsafe_no_sandbox,
    )


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


COMMANDS = {
    "doctor": Command("say what works here, and what to type where it does not", _no_arguments, _doctor),
    "start": Command("make your own copies of the notebooks, in work/", _start_arguments, _start),
    "data": Command("list the data sets; fetch and decode those you name", _data_arguments, _data),
    "run": Command("execute the solution notebooks and write them as pages", _run_arguments, _run),
    "build": Command("write the student notebooks from the solutions", _build_arguments, _build),
    "release": Command("write a folder for students, without solutions", _release_arguments, _release),
    "grade": Command("grade submissions that nobody trusts", _grade_arguments, _grade),
    "results": Command("run experiments; show our figures beside the reports'", _results_arguments, _results),
}


if __name__ == "__main__":
    sys.exit(main())
