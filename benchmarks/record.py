"""Where reliability figures are written: docs/evidence/reliability.json, and the table of reliability.md made from it.

A section is one kind of trial: what was tried, how often, what went wrong, and with which code on which machine.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "evidence" / "reliability.json"
PAGE = ROOT / "docs" / "evidence" / "reliability.md"
BEGIN, END = "<!-- figures: begin (written by benchmarks/record.py) -->", "<!-- figures: end -->"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _commit() -> str:
    """The commit of the code; an unpacked source archive has none."""
    if not (ROOT / ".git").exists():
        return "source archive"
    return _git("rev-parse", "--short=12", "HEAD") + ("+changes" if _git("status", "--porcelain", "seqcls") else "")


# Asked when the code is loaded: a trial may take an hour, and what is tried is what was there when it began.
COMMIT = _commit()


def record(section: str, figures: dict[str, Any]) -> None:
    """Replace one section of the JSON file and write the table of the page anew."""
    everything = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    everything[section] = {**facts(), **figures}
    FIGURES.write_text(json.dumps(everything, indent=1, sort_keys=True) + "\n")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table(everything)}\n{END}{after}")
    print(f"{section}: {json.dumps(figures)}")


def facts() -> dict[str, Any]:
    """With what and on what a trial was made; no host name."""
    names = ("seqcls", "torch", "pyarrow", "sqlalchemy", "safetensors", "great_expectations")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": COMMIT,
        "machine": f"{os.cpu_count()} cores, {_cpu()}, {platform.system()}",
        "versions": {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}},
    }  # fmt: skip


def table(everything: dict[str, dict[str, Any]]) -> str:
    """Markdown: one line a section."""
    lines = ["| tried | how often | what went wrong | seed | date, commit |", "|---|---|---|---|---|"]
    for _, section in sorted(everything.items()):
        wrong = ", ".join(f"{name} {count}" for name, count in section["wrong"].items())
        lines.append(
            f"| {section['tried']} | {section['times']:,} | {wrong} | {section['seed']} "
            f"| {section['date']}, {section['commit']} |"
        )
    machines = sorted({section["machine"] for section in everything.values()})
    return "\n".join([*lines, "", f"Machine: {'; '.join(machines)}."])


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
