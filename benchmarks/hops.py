"""How many files a reader opens on the way from the flow of a training to its loop.

In: the code of flows/, tasks/ and seqcls/. Out: the files on the way, in order. The way has stops: the flow, the task,
the function that runs a stage, the record of the stage, `run_epoch`. Between two stops it is the shortest: a definition
(a function, a class or a value of a module) leads to each definition that its code names, and a re-exported name leads
to where it is defined. The function that runs a stage calls what the record holds, so no name leads from it to there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx

from benchmarks.record import ROOT

FOLDERS = {"seqcls_flows": ROOT / "flows", "seqcls_tasks": ROOT / "tasks", "seqcls": ROOT / "seqcls"}

Definition = tuple[str, str]
"""Module and name."""
FLOW: Definition = ("seqcls_flows.train", "train_flow")
TASK: Definition = ("seqcls_tasks.train", "train")
RUNNER: Definition = ("seqcls.stages.stage", "run")
RECORD: Definition = ("seqcls.stages.training", "TRAIN")


def files() -> list[str]:
    """The modules that are opened, each once."""
    loop = next((module, "run_epoch") for module in modules() if "run_epoch" in definitions(module))
    graph = mentions()
    ways = [
        networkx.dijkstra_path(graph, one, other, _cost)
        for one, other in ((FLOW, TASK), (TASK, RUNNER), (RECORD, loop))
    ]
    return list(dict.fromkeys(module for way in ways for module, _ in way))


def _cost(one: Definition, other: Definition, _edge: object) -> int:
    """A step within a file is free."""
    return int(one[0] != other[0])


def mentions() -> networkx.DiGraph:
    """Definitions and which of them name which others."""
    graph = networkx.DiGraph()
    for module in modules():
        outer = imports_of(module)
        for name, node in definitions(module).items():
            known = outer | imported(node)
            for used in {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}:
                graph.add_edge((module, name), defined(known.get(used, (module, used))))
    return graph


def modules() -> Iterator[str]:
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join((package, *parts)).removesuffix(".__init__")


@cache
def tree_of(module: str) -> ast.Module:
    package, *parts = module.split(".")
    path = FOLDERS[package].joinpath(*parts)
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text("utf-8"))


@cache
def definitions(module: str) -> dict[str, ast.stmt]:
    """The functions, classes and values of a module."""
    found: dict[str, ast.stmt] = {}
    for node in tree_of(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    return found


@cache
def imports_of(module: str) -> dict[str, Definition]:
    """Those of a whole module."""
    return imported(tree_of(module))


def imported(tree: ast.AST) -> dict[str, Definition]:
    """Names that the code imports from ours, also inside functions."""
    return {
        name.asname or name.name: (node.module, name.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in FOLDERS
        for name in node.names
    }


@cache
def defined(name: Definition) -> Definition:
    """Where a name that a package re-exports is defined."""
    module, inner = name
    if module.partition(".")[0] in FOLDERS and _is_module(module) and inner not in definitions(module):
        further = imports_of(module).get(inner)
        return defined(further) if further and further != name else name
    return name


def _is_module(module: str) -> bool:
    package, *parts = module.split(".")
    path: Path = FOLDERS[package].joinpath(*parts)
    return path.is_dir() or path.with_suffix(".py").is_file()


if __name__ == "__main__":
    print("\n".join(files()))
