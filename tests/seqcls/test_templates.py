"""seqcls.config.templates: what `seqcls init` writes loads as it stands, and shows every key there is."""

from __future__ import annotations

import re
import tomllib

import pytest

from seqcls.config import parse_pipeline
from seqcls.config.pipeline import Pipeline
from seqcls.config.templates import template
from seqcls.errors import ConfigRefused
from seqcls.table import KINDS, Kind

KEY = re.compile(r"^# (?=[a-z_]+ = )", re.MULTILINE)
# Keys of another format or way of naming files: alone they are real, together with the rest a contradiction.
CONTRADICTIONS = ("name either files, or train", "holds no series", "holds dna or protein", "label_table says where")
FOREIGN_TO_SERIES = {"pattern", "label_pattern"}


def loaded(text: str, kind: Kind) -> Pipeline:
    return parse_pipeline(tomllib.loads(text), f"{kind}.toml")


def fault(text: str, kind: Kind) -> str:
    """What is wrong with a pipeline file, "" if nothing is."""
    try:
        loaded(text, kind)
    except ConfigRefused as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", KINDS)
def test_the_template_of_each_kind_loads(kind: Kind) -> None:
    pipeline = loaded(template(kind), kind)
    assert pipeline.kind == kind
    assert pipeline.name == f"my-{kind}"


@pytest.mark.parametrize("kind", KINDS)
def test_each_key_that_is_commented_out_is_real_and_its_value_allowed(kind: Kind) -> None:
    text = template(kind)
    places = [match.start() for match in KEY.finditer(text)]
    assert len(places) > 60
    faults = {text[start:].split("\n", 1)[0]: fault(text[:start] + text[start + 2 :], kind) for start in places}
    assert {
        line: found for line, found in faults.items() if found and not any(part in found for part in CONTRADICTIONS)
    } == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_default_that_is_shown_is_the_default(kind: Kind) -> None:
    """Taking the `# ` away from every line that is not an example changes nothing."""
    text = template(kind)
    shown = "\n".join(line[2:] if KEY.match(line) and "# (not set)" not in line else line for line in text.split("\n"))
    assert shown.count("\n# ") < text.count("\n# ") - 25
    assert loaded(shown, kind) == loaded(text, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_every_section_stands_in_the_template(kind: Kind) -> None:
    text = template(kind)
    pipeline = loaded(text, kind)
    for name in ("split", "rules", "encode", "model", "train", "promote", "score"):
        part = text.split(f"\n[{name}]")[1].split("\n[")[0]
        for key in set(type(getattr(pipeline, name)).model_fields) - {
            "source",
            "pretrained",
        }:  # the latter is model.encoder
            assert re.search(rf"^(# )?{key} = ", part, re.MULTILINE), f"{name}.{key}"


def test_keys_of_other_kinds_are_left_out() -> None:
    assert not any(re.search(rf"^(# )?{key} = ", template("series"), re.MULTILINE) for key in FOREIGN_TO_SERIES)
    assert not re.search(r"^(# )?channels = ", template("text"), re.MULTILINE)
    assert re.search(r"^values = ", template("series"), re.MULTILINE)
