"""Makes the golden stores: `python -m tests.golden.make [COMMIT ...]`, once; what it makes is committed.

For each commit of `STORES` its `seqcls` is taken from the history (`git archive COMMIT seqcls`) and run with the
packages of today's environment (constraints.txt; `made.json` in the archive says which versions they were). Five
pipelines share one store; each is trained and scores a night. `tokens` lives longer: three versions, the champion moved
by hand, a night that came again corrected, a re-scoring (where the commit has it), a rollback, a file that cannot be
used, and at last a scoring that is killed, so that an input stays open with two chunks committed, one written and
not committed, and none published. SQLite's log is written back into `ledger.db`.

Out: COMMIT.tar.xz beside this file, and COMMIT.json: what the version of then said about its store.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.golden.pipelines import HISTORY, STORES, sequences, write_night, write_pipelines

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGES = (
    "torch",
    "pyarrow",
    "numpy",
    "sqlalchemy",
    "safetensors",
    "tokenizers",
    "scikit-learn",
    "great-expectations",
)
KILLED = -9


def main() -> int:
    for commit in sys.argv[1:] or STORES:
        with tempfile.TemporaryDirectory() as name:
            code, folder = Path(name) / "code", Path(name) / commit
            code.mkdir()
            folder.mkdir()
            archive = subprocess.run(["git", "archive", commit, "seqcls"], cwd=ROOT, check=True, capture_output=True)
            subprocess.run(["tar", "x", "-C", code], input=archive.stdout, check=True)
            make(commit, Story(code, folder))
            pack(folder, HERE / f"{commit}.tar.xz")
        print(commit, f"{(HERE / f'{commit}.tar.xz').stat().st_size:,} bytes", flush=True)
    return 0


class Story:
    """Steps of one store, in the code of its commit."""

    def __init__(self, code: Path, folder: Path) -> None:
        self.code, self.folder = code, folder

    def run(self, *steps: str, status: int = 0, failpoint: str = "") -> list[str]:
        """Commands, as one line each; what they printed."""
        data = [{"arguments": step.split(" "), "status": status, "failpoint": failpoint} for step in steps]
        return self.run_lists(data)

    def run_lists(self, steps: list[dict[str, Any]]) -> list[str]:
        steps = [{"status": 0, "failpoint": "", **step} for step in steps]
        environment = {**os.environ, "PYTHONPATH": str(self.code), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, HERE / "steps.py", self.folder], cwd=self.folder, env=environment, text=True,
            input=json.dumps(steps), stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        return list(json.loads(done.stdout))

    def change(self, before: str, after: str) -> None:
        path = self.folder / f"{HISTORY}.toml"
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))


def make(commit: str, story: Story) -> None:
    """One store, and what its version says about it."""
    folder, kinds = story.folder, STORES[commit]
    write_pipelines(folder, kinds)
    for kind in kinds:
        promote = f"promote {kind}.toml --version 1 --force --why first"  # where the gate did not
        story.run(f"train {kind}.toml", promote, f"score {kind}.toml")
    live_on(story)
    said = {kind: facts(story, kind) for kind in kinds}
    write_night(folder, HISTORY, "2026-10-03", 28)
    story.run(f"score {HISTORY}.toml", status=KILLED, failpoint="chunk_scored=kill@3")
    close_ledger(folder / "store" / "ledger.db")
    versions = {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}}
    made = {"commit": commit, "command": f"python -m tests.golden.make {commit}", "versions": versions}
    (HERE / f"{commit}.json").write_text(json.dumps({**made, "pipelines": said}, indent=1, ensure_ascii=False) + "\n")


def live_on(story: Story) -> None:
    """Weeks of the pipeline HISTORY."""
    name, rescores = f"{HISTORY}.toml", (story.code / "seqcls" / "scoring" / "rescore.py").is_file()
    train(story, "epochs = 8", "epochs = 9", 2)
    write_night(story.folder, HISTORY, "2026-10-02", 16)
    story.run(f"score {name}")
    if rescores:
        story.run(f"score {name} --rescore --until 2026-10-01")
    train(story, "epochs = 9", "epochs = 10", 3)
    write_night(story.folder, HISTORY, "2026-10-02", 18, seed=1)  # corrected
    story.run(f"score {name}")
    story.run(f"rollback {name} --why v3-is-worse")
    if rescores:  # and so `unusable = "set_aside"`
        (story.folder / "incoming" / HISTORY / "broken-2026-10-02.csv").write_text("id,words\n1,t1 t2\n")
        story.run(f"score {name}", status=3)


def train(story: Story, before: str, after: str, version: int) -> None:
    story.change(before, after)
    name = f"{HISTORY}.toml"
    story.run(f"train {name}", f"promote {name} --version {version} --force --why better-on-newer-data")


def facts(story: Story, kind: str) -> dict[str, Any]:
    """Versions with their digests, who is champion, and what each version answers to three sequences."""
    with closing(sqlite3.connect(story.folder / "store" / "ledger.db")) as ledger:
        versions = dict(ledger.execute("SELECT version, model_digest FROM models WHERE pipeline = ?", (kind,)))
        [champion] = ledger.execute("SELECT version FROM aliases WHERE pipeline = ?", (kind,)).fetchone()
    asked = sequences(kind)
    steps = [
        {"arguments": ["predict", f"{kind}.toml", "--version", str(version), "--json", "--", text]}
        for version in versions
        for text in asked
    ]
    answers = [json.loads(text)["probabilities"] for text in story.run_lists(steps)]
    return {
        "champion": champion,
        "models": {f"v{version}": digest for version, digest in versions.items()},
        "sequences": asked,
        "probabilities": {
            f"v{version}": answers[place * len(asked) : (place + 1) * len(asked)]
            for place, version in enumerate(versions)
        },
    }  # fmt: skip


def close_ledger(path: Path) -> None:
    """Write SQLite's log back into the file, which the killed process did not."""
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert not path.with_name("ledger.db-wal").exists()


def pack(folder: Path, target: Path) -> None:
    with tarfile.open(target, "w:xz", preset=9) as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder), recursive=False, filter=_anonymous)


def _anonymous(item: tarfile.TarInfo) -> tarfile.TarInfo:
    item.uid = item.gid = 0
    item.uname = item.gname = ""
    return item


if __name__ == "__main__":
    raise SystemExit(main())
