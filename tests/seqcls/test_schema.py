"""seqcls.config.schema: the schema accepts every file that seqcls accepts, and refuses what it does not know."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from seqcls.cli import main
from seqcls.config import parse_pipeline
from seqcls.config.schema import schema_text
from seqcls.config.templates import template
from seqcls.errors import ConfigRefused
from seqcls.table import KINDS

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(ROOT.glob("configs/**/*.toml"))
SCHEMA = json.loads(schema_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def filled_in(kind: str) -> dict[str, Any]:
    """The template with each key that it shows behind `# ` in use."""
    lines = template(kind).splitlines()  # type: ignore[arg-type]
    found: dict[str, Any] = {}
    section = found
    for line in lines:
        if line.startswith("["):
            section = found.setdefault(line[1:].partition("]")[0], {})
        elif "=" in line and not line.startswith("#:"):
            try:
                section.update(tomllib.loads(line.removeprefix("# ")))
            except tomllib.TOMLDecodeError:
                continue  # a sentence with an = in it
    return found


@pytest.mark.slow
def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_committed_config_is_valid(path: Path) -> None:
    VALIDATOR.validate(tomllib.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("kind", KINDS)
def test_every_template_is_valid_as_it_stands_and_with_every_key_in_use(kind: str) -> None:
    VALIDATOR.validate(tomllib.loads(template(kind)))  # type: ignore[arg-type]
    full = filled_in(kind)
    assert sum(len(value) for value in full.values() if isinstance(value, dict)) > 80
    VALIDATOR.validate(full)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        (None, "sead", 1), ("source", "fils", []), ("train", "epoch", 3), ("train", "epochs", 0),
        ("train", "threads", "all"), ("model", "family", "cnm"), ("model", "kernels", 3),
        ("encode", "unit", "syllables"),
        ("rules", "custom", [{"name": "x", "measure": "size"}]), ("promote", "floors", [{"metric": "loss"}]),
        ("score", "source", {"format": "xls"}),
    ],
)  # fmt: skip
def test_what_seqcls_refuses_is_refused(section: str | None, key: str, value: object) -> None:
    data = tomllib.loads(template("text"))
    (data[section] if section else data)[key] = value
    with pytest.raises(ConfigRefused):
        parse_pipeline(data, "my.toml")
    assert not VALIDATOR.is_valid(data)


def test_every_key_says_what_it_means() -> None:
    silent = [
        f"{name}.{key}"
        for name, section in SCHEMA["$defs"].items()
        for key, value in section["properties"].items()
        if not value.get("description")
        and "$ref" not in value
        and "const" not in value
        and key not in ("model", "family")
    ]
    assert silent == []


@pytest.mark.slow
def test_init_writes_the_schema_that_the_first_line_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--kind", "dna", str(tmp_path / "my.toml")]) == 0
    first = (tmp_path / "my.toml").read_text("utf-8").splitlines()[0]
    assert first.startswith("#:schema ./")
    named = tmp_path / first.removeprefix("#:schema ")
    capsys.readouterr()
    assert main(["schema"]) == 0
    assert named.read_text("utf-8") == capsys.readouterr().out == schema_text()
