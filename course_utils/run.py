"""`course run`: execute the solution notebooks, several at once, and write them as pages."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from course_utils import machine, pages
from course_utils.evaluation import ledger
from course_utils.execution import Outcome, execute
from course_utils.repository import choose_notebooks, find_repository
from course_utils.scale import pick, scale

# A kernel with the CUDA build of torch: 0.9 GB of imports and what a notebook may use above them.
KERNEL_MEMORY = 1.5e9
HEAD = ("notebook", "seconds", "peak MB", "above imports MB", "checks right")


class RunError(ValueError):
    """The pages cannot be written where they should go."""


def run(
    wanted: Sequence[str] = (),
    *,
    workers: int | None = None,
    out: Path | None = None,
    repository: Path | None = None,
) -> int:
    """Execute solution notebooks at the current scale; write pages and print a table, figures and failures.

    Parameters
    ----------
    wanted : sequence of str
        Numbers or names of notebooks; empty for all.
    workers : int, optional
        How many notebooks at once; default: what cores and free memory allow.
    out : Path, optional
        Folder of the pages; default ``build/run`` in the repository.
    repository : Path, optional
        The course's repository; default: the one around the current folder.

    Returns
    -------
    int
        0 if every cell ran and every check said right, else 1.

    Raises
    ------
    UnknownNotebookError, RepositoryError
        If there is no such notebook.
    RunError
        If the folder of the pages cannot be made.
    """
    current_scale = scale()
    repository = repository or find_repository()
    paths = choose_notebooks(wanted, repository / "notebooks" / "solutions")
    out = out if out is not None else repository / "build" / "run"
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"The folder {out} cannot be made ({error.strerror}). Choose one: --out FOLDER"
        ) from error
    headline = ledger.headline().rstrip()  # before the work: whatever is wrong with it must not cost the work
    workers = min(workers or workers_allowed(), len(paths))
    count = "1 notebook" if len(paths) == 1 else f"{len(paths)} notebooks"
    about = f"{count} at scale {current_scale}, {workers} at once"
    print(f"Executing {about}. The pages go to {out}", flush=True)

    outcomes = _execute_all(paths, out, workers)
    table = [HEAD, *(_row(outcome) for outcome in outcomes)]
    index = pages.write_index(outcomes, table, out, about=f"{about}.", headline=headline)
    print(f"\n{_align(table)}\n")
    if headline:
        print(f"{headline}\n")
    for outcome in outcomes:
        _print_failure(outcome)
    print(f"Open {index}")
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def workers_allowed() -> int:
    """Return how many notebooks the machine holds at once: one a core, while each finds its memory."""
    return max(1, min(machine.cores(), int(machine.memory_available() / KERNEL_MEMORY)))


def kernel_environment(*, workers: int) -> dict[str, str]:
    """Return the environment variables that a notebook's kernel gets when `workers` run at once."""
    environment = {
        "COURSE_STATIC": "1",
        "COURSE_PROGRESS": "off",
        # Kernels share the cores; a smaller number that the user has set stays.
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or str(max(1, machine.cores() // workers)),
    }
    if scale() == "smoke":
        # Nothing at this scale may need the network; a proxy that does not exist makes sure of it.
        nowhere = "http://127.0.0.1:9"
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            environment |= {name: nowhere, name.upper(): nowhere}
        environment |= {"no_proxy": "", "NO_PROXY": ""}
    return environment


def _execute_all(paths: Sequence[Path], out: Path, workers: int) -> list[Outcome]:
    """Execute the notebooks, in the order of `paths`; a line and a page for each as it finishes."""
    environment = kernel_environment(workers=workers)
    timeout = pick(smoke=300.0, laptop=3600.0, full=None)

    async def execute_one(path: Path, places: asyncio.Semaphore, bar: "tqdm[None]") -> Outcome:
        async with places:
            outcome = await execute(path, environment=environment, timeout=timeout, on_cell=bar.update)
            if outcome.notebook is not None:
                # In a thread, because it takes a second in which other kernels' messages must be read.
                await asyncio.to_thread(pages.write_page, outcome, out)
        bar.write(f"{'ok    ' if outcome.passed else 'FAILED'}  {outcome.name}  {outcome.seconds:.0f} s")
        return outcome

    async def execute_all() -> list[Outcome]:
        places = asyncio.Semaphore(workers)
        # disable=None: no bar where nobody watches.
        with tqdm(desc="cells", unit="", disable=None, leave=False) as bar:
            return await asyncio.gather(*(execute_one(path, places, bar) for path in paths))

    # ZeroMQ needs a selector loop, which is not what Windows starts by itself.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(execute_all())


def _row(outcome: Outcome) -> tuple[str, ...]:
    return (
        outcome.name,
        f"{outcome.seconds:.1f}",
        _megabytes(outcome.peak_memory),
        _megabytes(outcome.memory_above_imports),
        f"{outcome.right} of {len(outcome.verdicts)}",
    )


def _megabytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 1e6:.0f}"


def _align(table: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for name, *numbers in table:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *cells]))
    return "\n".join(lines)


def _print_failure(outcome: Outcome) -> None:
    if outcome.failure is not None:
        print(f"FAILED {outcome.name}, {outcome.failure}\n")
    for exercise, status in outcome.verdicts.items():
        if status != "right" and not (status == "missing" and outcome.failure):
            print(f'FAILED {outcome.name}: check("{exercise}") said {status}, expected right\n')
