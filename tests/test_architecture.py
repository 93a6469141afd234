"""docs/architecture.md is true of the modules: each is there, with what it knows of the library, and knows only those below it."""

import ast
import re

from conftest import ROOT

LIBRARY = ROOT / "scripts" / "convnets"
ANYBODY_MAY = {"errors"}


def imports(module: str) -> set[str]:
    """Return the modules of the library that one imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((LIBRARY / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "convnets":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("convnets."):
            found.add(str(node.module).split(".")[1])
    return found - ANYBODY_MAY


def rows() -> list[tuple[list[str], set[str]]]:
    """Return the modules of each row of the table, and what it says that they know."""
    section = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("## Modules\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1:] for line in section.splitlines() if line.startswith("| `")]
    return [(re.findall(r"`(\w+)`", row[0]), set(re.findall(r"\w+", row[2]))) for row in cells]


def test_the_table_of_modules_is_true() -> None:
    modules = {path.stem for path in LIBRARY.glob("*.py")} - {"__init__", *ANYBODY_MAY}
    table = rows()
    listed = [name for names, _ in table for name in names]
    assert sorted(listed) == sorted(modules)
    below = set(listed)
    for names, said in table:
        known = set().union(*map(imports, names))
        below -= set(names)
        assert known - set(names) == said, names
        assert said <= below, f"{names} know {said - below}, which stand above"
