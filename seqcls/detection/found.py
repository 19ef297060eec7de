"""What was found in the files: settings with their grounds, and questions that only a person can answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from seqcls.table import Kind


@dataclass
class Found:
    """A guess at [source], filled step by step."""

    paths: list[Path]
    """The files that the guess is for."""
    label_paths: list[Path] = field(default_factory=list)
    """Files of classes, one a line, parallel to `paths`."""
    kind: Kind = "text"
    settings: dict[str, object] = field(default_factory=dict)
    """Keys of [source] and their values."""
    grounds: dict[str, str] = field(default_factory=dict)
    """Key -> what its value rests on."""
    encode: dict[str, object] = field(default_factory=dict)
    """Keys of [encode] that follow from the data."""
    notes: list[str] = field(default_factory=list)
    """What a person should know, and that no setting says."""
    questions: list[str] = field(default_factory=list)
    """What must be filled in by hand before `check` can pass."""

    def set(self, key: str, value: object, why: str) -> None:
        self.settings[key] = value
        self.grounds[key] = "found: " + why

    def ask(self, key: str, value: object, question: str) -> None:
        """A placeholder, which does not fit, where the answer cannot be known."""
        self.settings[key] = value
        self.grounds[key] = f"FILL IN: {question}"
        self.questions.append(f"{key}: {question}")
