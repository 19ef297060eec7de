"""The shape of the code in numbers: rooms, floors, arrows, circles, sizes.

In: the code of flows/, tasks/ and seqcls/. Out: a table, printed and written to shape.md. A room is a package or a
loose module of seqcls/, or flows/ or tasks/; an arrow is one room that imports from another, imports inside functions
counted; a floor is a step of the longest chain of arrows; a circle is a set of modules that import each other.

`make shape` (`python -m benchmarks.shape`) prints and writes it.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp
import networkx

from benchmarks import hops, timed
from benchmarks.record import ROOT

PAGE = ROOT / "docs" / "evidence" / "shape.md"
PACKAGES = ("seqcls_flows", "seqcls_tasks", "seqcls")
BOX = ROOT / "seqcls"
TOP = """# The shape of the code

Written by `make shape`. A room is a package or a loose module of `seqcls/`, or `flows/` or `tasks/`. An arrow is a room
that imports from another; imports inside functions count. A floor is a step of the longest chain of arrows. A circle
is a set of modules that import each other. A hop is a move to another file on the way from `train_flow` to `run_epoch`
(`python -m benchmarks.hops` names the files). `make fast`, `make test` and `make coverage` write down their seconds.
"""


def room(module: str) -> str:
    """`seqcls.sources.sql` -> `seqcls.sources`; `seqcls_flows.train` -> `seqcls_flows`."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "seqcls" else parts[0]


@cache
def imports() -> networkx.DiGraph:
    """Modules and who imports whom, lazily or at load."""
    found = grimp.build_graph(*PACKAGES)
    graph = networkx.DiGraph()
    graph.add_nodes_from(found.modules)
    for module in found.modules:
        graph.add_edges_from((module, other) for other in found.find_modules_directly_imported_by(module))
    return graph


def rooms() -> networkx.DiGraph:
    """The package itself (its version and its API) is no room."""
    graph = networkx.DiGraph()
    graph.add_nodes_from(room(module) for module in imports() if module != "seqcls")
    edges = ((room(one), room(other)) for one, other in imports().edges if "seqcls" not in (one, other))
    graph.add_edges_from((one, other) for one, other in edges if one != other)
    return graph


def circles(graph: networkx.DiGraph) -> list[list[str]]:
    return [sorted(part) for part in networkx.strongly_connected_components(graph) if len(part) > 1]


def trees() -> Iterator[ast.Module]:
    for path in files():
        yield ast.parse(path.read_text(encoding="utf-8"))


def files() -> list[Path]:
    return sorted(BOX.rglob("*.py"))


def functions() -> Iterator[ast.FunctionDef]:
    for tree in trees():
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def code_lines(function: ast.FunctionDef) -> int:
    """Lines with code; a docstring is none."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return len({line for node in body for part in ast.walk(node) for line in _lines(part)})


def _lines(node: ast.AST) -> range:
    first = getattr(node, "lineno", None)
    return range(0) if first is None else range(first, first + 1)


def attributes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(names that `self` gets, class) of each class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            names = {
                part.attr
                for part in ast.walk(node)
                if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store)
                and isinstance(part.value, ast.Name) and part.value.id == "self"
            }  # fmt: skip
            yield len(names), node.name


def figures() -> dict[str, str]:
    """What is measured -> what was found, in the order of the table."""
    inner, between = imports(), rooms()
    texts = [path.read_text(encoding="utf-8") for path in files()]
    longest = max(functions(), key=code_lines)
    most, name = max(pair for tree in trees() for pair in attributes(tree))
    lazy = sum(
        isinstance(part, ast.Import | ast.ImportFrom) for function in functions() for part in ast.walk(function)
    )  # fmt: skip
    return {
        "rooms": str(len(between)),
        "floors": str(networkx.dag_longest_path_length(networkx.condensation(between)) + 1),
        "arrows between rooms": str(between.number_of_edges()),
        "circles of rooms": str(len(circles(between))),
        "circles of modules": "; ".join(", ".join(circle) for circle in circles(inner)) or "0",
        "hops from the flow to the training loop": str(len(hops.files()) - 1),
        "modules at the root of seqcls/": str(len([path for path in files() if path.parent == BOX])),
        "imports inside functions": str(lazy),
        "lines of seqcls/": f"{sum(text.count(chr(10)) for text in texts):,}",
        "files of seqcls/ over 250 lines": str(sum(text.count("\n") > 250 for text in texts)),
        "`dict[str, Any]` in seqcls/": str(sum(text.count("dict[str, Any]") for text in texts)),
        "longest function": f"{longest.name}, {code_lines(longest)} lines of code",
        "most attributes of a class": f"{name}, {most}",
        **timed.lines(),
    }


def page(found: dict[str, str]) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in found.items())
    return f"{TOP}\n| what | now |\n|---|---|\n{rows}\n"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    text = page(figures())
    print(text)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
