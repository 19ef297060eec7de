"""A listener that keeps what it hears."""

from __future__ import annotations

from seqcls.listener import Listener, Progress


class Recorder(Listener):
    def __init__(self) -> None:
        self.stages: dict[str, str] = {}
        self.notes: list[str] = []
        self.steps: list[Progress] = []

    def stage(self, name: str, outcome: str) -> None:
        self.stages[name] = outcome

    def note(self, line: str) -> None:
        self.notes.append(line)

    def progress(self, at: Progress) -> None:
        self.steps.append(at)
