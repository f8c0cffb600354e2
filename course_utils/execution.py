"""One notebook executed from its first cell to its last, in a kernel and an empty folder of its own."""

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

from course_utils.exercises.panel import VERDICT_TYPE

# Asked of the kernel after its last cell; `silent` keeps them out of the notebook.
MEMORY = {
    "peak": "__import__('course_utils.machine').machine.peak_memory()",
    "above_imports": "__import__('course_utils.machine').machine.memory_above_imports()",
}


@dataclass
class Outcome:
    """What executing one notebook gave; memory in bytes, None where the kernel could not be asked."""

    name: str
    notebook: NotebookNode | None = None
    seconds: float = 0.0
    peak_memory: int | None = None
    memory_above_imports: int | None = None
    verdicts: dict[str, str] = field(default_factory=dict)
    failure: str | None = None

    @property
    def right(self) -> int:
        """How many of the checks said that the answer is right."""
        return sum(status == "right" for status in self.verdicts.values())

    @property
    def passed(self) -> bool:
        """Whether every cell ran and every check said right."""
        return self.failure is None and self.right == len(self.verdicts)


async def execute(
    path: Path,
    *,
    environment: Mapping[str, str],
    timeout: float | None = None,
    on_cell: Callable[[], None] = lambda: None,
) -> Outcome:
    """Execute the notebook at `path`; the file itself is only read.

    Parameters
    ----------
    path : Path
        The notebook.
    environment : mapping
        Environment variables that the kernel gets beside those of this process.
    timeout : float, optional
        Seconds that one cell may take; default: for ever.
    on_cell : callable
        Called after each code cell.

    Returns
    -------
    Outcome
        Never raises for what a notebook does: an error, a cell that takes too long, a kernel that dies and a
        file that is no notebook are all told in `failure`.
    """
    outcome = Outcome(path.stem)
    started = time.perf_counter()
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises whatever its parser met
        outcome.failure = f"{path} cannot be read as a notebook: {error}"
        return outcome
    outcome.notebook = notebook
    # On Windows a folder cannot be removed while a dying kernel still stands in it.
    with tempfile.TemporaryDirectory(prefix="course-run-", ignore_cleanup_errors=True) as folder:
        await _execute_in(folder, outcome, notebook, environment, timeout, on_cell)
    outcome.verdicts = verdicts(notebook)
    outcome.seconds = time.perf_counter() - started
    return outcome


def verdicts(notebook: NotebookNode) -> dict[str, str]:
    """Return what each check of an executed notebook said: ``{"1.2": "right", "1.3": "missing"}``.

    A check that a cell calls but that said nothing is "missing": a check must never pass by its silence.
    """
    called: dict[str, str] = {}
    said: dict[str, str] = {}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for exercise in re.findall(r"""^\s*check\(\s*["']([^"']+)["']""", cell.source, re.MULTILINE):
            called[exercise] = "missing"
        for output in cell.get("outputs", []):
            verdict = output.get("data", {}).get(VERDICT_TYPE)
            if isinstance(verdict, dict) and "exercise" in verdict:
                said[str(verdict["exercise"])] = str(verdict.get("status"))
    return called | said


async def _execute_in(
    folder: str,
    outcome: Outcome,
    notebook: NotebookNode,
    environment: Mapping[str, str],
    timeout: float | None,
    on_cell: Callable[[], None],
) -> None:
    # No kernel folders: the kernel is then this very Python, whatever "python3" a user has registered.
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = None
    try:
        await manager.start_kernel(
            cwd=folder,
            env={**os.environ, **environment, "IPYTHONDIR": folder},
            # Kernels that run at once would wait for one another at the history's database.
            extra_arguments=["--HistoryManager.enabled=False", "--IPKernelApp.log_level=ERROR"],
        )
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=120)
        about = await client.kernel_info(reply=True, timeout=60)
        notebook.metadata["language_info"] = about["content"]["language_info"]
        runner = NotebookClient(notebook, km=manager, timeout=timeout)
        runner.kc = client
        outcome.failure, answers = await _run_cells(runner, notebook, on_cell)
        runner.set_widgets_metadata()
        if answers:
            await _ask_memory(client, outcome)
    except (RuntimeError, TimeoutError) as error:  # the kernel did not start, or does not answer
        outcome.failure = f"The notebook's kernel did not start: {error}. Type: course doctor"
    finally:
        if client is not None:
            client.stop_channels()
        if manager.has_kernel:
            await manager.shutdown_kernel(now=True)


async def _run_cells(
    runner: NotebookClient, notebook: NotebookNode, on_cell: Callable[[], None]
) -> tuple[str | None, bool]:
    """Execute the cells up to the first that fails.

    Returns
    -------
    failure : str or None
        For the user to read.
    answers : bool
        Whether the kernel still answers questions.
    """
    for index, cell in enumerate(notebook.cells):
        where = f"cell {index + 1}"
        try:
            await runner.async_execute_cell(cell, index)
        except CellExecutionError as error:
            trace = "\n".join(_error_output(cell).get("traceback", [])) or str(error)
            return f"{where} failed:\n{_indent(cell.source)}\n\n{strip_ansi(trace)}", True
        except CellTimeoutError:
            return f"{where} took longer than {runner.timeout:.0f} s:\n{_indent(cell.source)}", False
        except DeadKernelError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # nbclient takes Ctrl-C for the kernel's death
                raise asyncio.CancelledError from None
            remedy = "most often for lack of memory; then run fewer at once: course run --workers 1"
            return f"the kernel died in {where} ({remedy}):\n{_indent(cell.source)}", False
        if cell.cell_type == "code":
            on_cell()
    return None, True


def _error_output(cell: NotebookNode) -> Mapping[str, Any]:
    errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
    return errors[-1] if errors else {}


async def _ask_memory(client: Any, outcome: Outcome) -> None:
    try:
        reply = await client.execute("", silent=True, user_expressions=MEMORY, reply=True, timeout=30)
    except (TimeoutError, RuntimeError):
        return
    values = {}
    for name, answer in reply["content"].get("user_expressions", {}).items():
        text = answer.get("data", {}).get("text/plain", "")
        values[name] = int(text) if text.isdigit() else None
    outcome.peak_memory = values.get("peak")
    outcome.memory_above_imports = values.get("above_imports")


def _indent(source: str) -> str:
    return "\n".join(f"    {line}" for line in source.splitlines())
