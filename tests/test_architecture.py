"""Imports run one way: what carries never imports what it carries."""

import ast
from pathlib import Path

import course_utils

PACKAGE = Path(course_utils.__file__).parent

# From the ground up. A module imports from its own layer and from those below it.
LAYERS = (
    {"scale", "machine", "files", "display"},
    {"data", "models"},
    {"training"},
    {"evaluation"},
    {"experiments", "plots", "widgets"},
    {"exercises"},
    {"grading"},
    {"repository", "start", "execution", "pages", "run", "build", "doctor"},
    {"cli"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def imports_of(file):
    """Return the parts of the package that a module imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "course_utils":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("course_utils."))


def test_every_part_of_the_package_has_its_layer():
    parts = {path.stem for path in PACKAGE.iterdir() if path.name[0] not in "_." and path.name != "py.typed"}
    assert parts == set(LEVEL)


def test_imports_run_one_way():
    upwards = [
        f"{file.relative_to(PACKAGE)} imports {imported}"
        for part in LEVEL
        for file in (
            [PACKAGE / f"{part}.py"] if (PACKAGE / f"{part}.py").is_file() else (PACKAGE / part).rglob("*.py")
        )
        for imported in imports_of(file)
        if imported in LEVEL and LEVEL[imported] > LEVEL[part]
    ]
    assert upwards == []
