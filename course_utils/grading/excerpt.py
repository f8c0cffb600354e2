"""The part of the package that a notebook needs, without what holds answers.

Only modules that the notebook's cells import, and what those import in turn, are taken along. Of a module
that holds answers only the functions that are imported by name from elsewhere remain.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import course_utils

_PACKAGE = Path(course_utils.__file__).parent
_EVERYTHING = "*"
_WITHOUT = '"""Part of a module: what holds answers was left out."""'


@dataclass
class Excerpt:
    """Part of the package.

    Parameters
    ----------
    files : dict
        Contents by path inside the package.
    names : dict
        The modules, as ``"models.mlp"`` (``""``: the package itself), and what is imported by name from each;
        ``"*"`` stands for all of it.
    needed_by : dict
        Who imports each module; ``""`` is the notebook.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)
    needed_by: dict[str, set[str]] = field(default_factory=dict)


def excerpt(cells: Sequence[str], *, answers: Sequence[str]) -> Excerpt:
    """Return what a notebook needs of the package.

    Parameters
    ----------
    cells
        The texts of its code cells.
    answers
        Modules that hold answers, such as ``"models.manual_mlp"``, or packages, such as ``"experiments"``.
    """
    found = Excerpt()
    for cell in cells:
        for module, name in _imports(cell):
            _need(found, module, name, by="")
    done: dict[str, frozenset[str]] = {}
    while waiting := [m for m in found.names if done.get(m) != frozenset(found.names[m])]:
        for module in waiting:
            done[module] = frozenset(found.names[module])
            for other, name in _imports(_text(found, module, answers)):
                _need(found, other, name, by=module or "course_utils")
    for module in found.names:
        found.files[_file(module)] = _text(found, module, answers).encode("utf-8")
    for folder in {module.partition(".")[0] for module in found.names if "." in module} - {"exercises"}:
        for path in (_PACKAGE / folder).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                found.files[path.relative_to(_PACKAGE).as_posix()] = path.read_bytes()
    return found


def holds_answers(module: str, answers: Sequence[str]) -> bool:
    """Whether a module is one of those that hold answers, or stands in such a package."""
    return any(module == other or module.startswith(f"{other}.") for other in answers)


def _need(found: Excerpt, module: str, name: str, *, by: str) -> None:
    parts = module.split(".") if module else []
    for length in range(len(parts)):  # the packages around it are imported too
        found.names.setdefault(".".join(parts[:length]), set())
    found.names.setdefault(module, set()).update([name] if name else [])
    found.needed_by.setdefault(module, set()).add(by)


def _imports(source: str) -> Iterator[tuple[str, str]]:
    """Return the modules of the package that a text imports, each with one name or ``"*"``."""
    for node in _executed(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                package, _, module = alias.name.partition(".")
                if package == "course_utils":
                    yield module, _EVERYTHING
        elif isinstance(node, ast.ImportFrom) and node.module:
            package, _, module = node.module.partition(".")
            if package != "course_utils":
                continue
            for alias in node.names:
                inner = f"{module}.{alias.name}".strip(".")
                if _is_module(inner):
                    yield inner, _EVERYTHING
                else:
                    yield module, alias.name


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """Return all nodes but those that only type checkers read."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING"):
            yield from _executed(child)


def _is_module(module: str) -> bool:
    path = _PACKAGE.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _file(module: str) -> str:
    path = module.replace(".", "/")
    if module and (_PACKAGE / f"{path}.py").is_file():
        return f"{path}.py"
    return f"{path}/__init__.py".lstrip("/")


def _text(found: Excerpt, module: str, answers: Sequence[str]) -> str:
    source = (_PACKAGE / _file(module)).read_text(encoding="utf-8")
    names = found.names[module]
    if _EVERYTHING in names or not holds_answers(module, answers):
        return source
    return _reduced(source, names)


def _reduced(source: str, names: set[str]) -> str:
    """Return a module's text with only those functions and classes that these names lead to."""
    tree = ast.parse(source)
    definitions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    waiting = [name for name in names if name in definitions]
    for node in tree.body:
        if node not in definitions.values():
            waiting += _used(node)
    kept: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in definitions and name not in kept:
            kept.add(name)
            waiting += _used(definitions[name])
    lines = source.split("\n")
    pieces = [_WITHOUT] if ast.get_docstring(tree) is not None else []  # in the place of the docstring
    for node in tree.body[len(pieces) :]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name not in kept:
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        piece = "\n".join(lines[first - 1 : node.end_lineno])
        pieces.append(f"\n\n{piece}" if node in definitions.values() else piece)
    return "\n".join(pieces) + "\n"


def _used(node: ast.AST) -> list[str]:
    return [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]
