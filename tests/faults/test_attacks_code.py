"""Files that would run code: pickles under other names, TOML and YAML tricks, code in suites, patterns that explode.

Each payload touches a canary. A control shows that the payload is live: where it is read the unsafe way, it sings.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle  # noqa: TID251 (the attack)
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from rich.console import Console

from seqcls.config import load_pipeline
from seqcls.errors import ConfigRefused, DataRefused
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.training import checkpoints
from tests.conftest import ROOT
from tests.reliability.processes import Nursery


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.canary}",)


def new_torch_file(payload: Payload, path: Path) -> None:
    torch.save({"weight": payload}, path)


def old_torch_file(payload: Payload, path: Path) -> None:
    torch.save({"weight": payload}, path, _use_new_zipfile_serialization=False)


def raw_pickle(payload: Payload, path: Path) -> None:
    path.write_bytes(pickle.dumps(payload))


def oldest_pickle(payload: Payload, path: Path) -> None:
    path.write_bytes(pickle.dumps(payload, protocol=0))


def unpickle(path: Path) -> object:
    return pickle.loads(path.read_bytes())


def load_unsafely(path: Path) -> object:
    other = shutil.copy(path, path.parents[3] / "weights.pt")  # by the name alone torch takes it for safetensors
    return torch.load(other, weights_only=False)  # noqa: TID251 (the control)


WRITERS = [new_torch_file, old_torch_file, raw_pickle, oldest_pickle]


@pytest.fixture(scope="module")
def model(trained: Path) -> Ref:
    return next(ref for ref in ArtefactStore(trained / "store").all() if ref.kind == "model")


@pytest.mark.fault(
    "A01",
    tried="a pickle that runs code in the place of the weights (torch.save new and old, bare pickles), every digest "
    "made to fit, with TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1",
    outcome="refused as a pickle or as no safetensors; the canary is untouched, and sings in the control",
)
@pytest.mark.parametrize("write", WRITERS)
def test_a_pickle_in_the_place_of_the_weights_is_never_read(
    write: Callable[[Payload, Path], None], model: Ref, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqcls.models.package import load_model

    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    canary = tmp_path / "canary"
    with ArtefactStore(tmp_path).write("model") as draft:
        shutil.copytree(model.folder, draft.folder, dirs_exist_ok=True)
        (draft.folder / "manifest.json").unlink()
        weights = draft.folder / "weights.safetensors"
        write(Payload(canary), weights)
        facts = json.loads((draft.folder / "model.json").read_text())
        facts["weights_sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
        (draft.folder / "model.json").write_text(json.dumps(facts))
    with pytest.raises(DataRefused, match=r"a pickle under the name of weights|not safetensors"):
        load_model(draft.ref)
    assert not canary.exists()
    control = unpickle if write in (raw_pickle, oldest_pickle) else load_unsafely
    control(draft.ref.folder / "weights.safetensors")
    assert canary.exists()


@pytest.mark.fault(
    "A01",
    tried="a pickle that runs code in the place of a checkpoint's tensors, its digest made to fit",
    outcome="the checkpoint is passed over; the canary is untouched",
)
@pytest.mark.parametrize("write", WRITERS)
def test_a_pickle_in_the_place_of_a_checkpoint_is_never_read(
    write: Callable[[Payload, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    canary = tmp_path / "canary"
    checkpoints.write(tmp_path / "run", checkpoints.TrainingState(epoch=1), {"weights/a": torch.zeros(2)})
    (tensors,) = (tmp_path / "run").glob("*.safetensors")
    (index,) = (tmp_path / "run").glob("*.json")
    write(Payload(canary), tensors)
    body: dict[str, Any] = json.loads(index.read_text())
    body["sha256"] = hashlib.sha256(tensors.read_bytes()).hexdigest()
    del body["self"]
    body["self"] = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    index.write_text(json.dumps(body))
    assert checkpoints.read_newest(tmp_path / "run") is None
    assert not canary.exists()


TOML = 'name = "a"\nkind = "text"\n[model]\nfamily = "cnn"\n[source]\nformat = "csv"\nfiles = ["a.csv"]\n'


@pytest.mark.fault(
    "A03",
    tried="pipeline files with a key twice, 50,000 brackets in each other, a number of 5,000 digits, a date or YAML "
    "tag for a name, not-a-number for a bound, a megabyte",
    outcome="one message, exit code 2; nothing is executed, nothing is silently taken",
)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TOML + 'name = "b"\n', ["source.name: unknown key"]),
        (TOML.replace('name = "a"', 'name = "a"\nname = "b"'), ["Cannot overwrite a value"]),
        (TOML + "[source]\n", ["not TOML"]),
        (TOML + f"columns = {'[' * 50_000}\n", ["cannot be read as TOML"]),
        (TOML + f"max_row_bytes = {'9' * 5000}\n", ["cannot be read as TOML"]),
        (TOML.replace('"a"', "2020-01-01", 1), ["name: "]),
        (TOML.replace('"a"', "'!!python/object/apply:os.system'", 1), ["does not fit"]),
        (TOML + "[train]\nlearning_rate = nan\n", ["train.learning_rate: nan"]),
        (TOML + "[promote]\nfloors = [{ metric = 'mcc', at_least = nan }]\n", ["promote.floors[0].at_least: nan"]),
        (
            TOML + "[[rules.custom]]\nname = 'a'\nmeasure = 'length'\nat_least = inf\n",
            ["rules.custom[0].at_least: inf"],
        ),
        (TOML + "#" * 1_000_001, ["at most 1000000 bytes"]),
    ],
    ids=["other-table", "twice", "table-twice", "nested", "digits", "date", "tag", "nan", "nan-floor", "inf", "long"],
)
def test_a_tricky_pipeline_file_is_refused(text: str, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigRefused) as caught:
        load_pipeline(path)
    for word in words:
        assert word in str(caught.value)


class OnceOnly(yaml.SafeLoader):
    """Refuses a key that occurs twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        return super().construct_mapping(node, deep)


def test_prefect_yaml_names_each_key_once_and_its_values_are_what_they_seem() -> None:
    found = yaml.load((ROOT / "prefect.yaml").read_text(), OnceOnly)
    for deployment in found["deployments"]:
        for schedule in deployment.get("schedules", []):
            assert isinstance(schedule["cron"], str)
            assert isinstance(schedule["active"], bool)
        assert isinstance(deployment["parameters"]["config"], str)


@pytest.mark.fault(
    "A03",
    tried="a prefect.yaml with a tag that would run a command",
    outcome="Prefect's own loader refuses it; the canary is untouched, and sings under yaml.unsafe_load",
)
def test_a_tag_in_prefect_yaml_runs_nothing(tmp_path: Path) -> None:
    from prefect.cli.deploy._config import _load_deploy_configs_and_actions

    canary = tmp_path / "canary"
    text = f"name: a\ndeployments:\n  - name: !!python/object/apply:os.system ['touch {canary}']\n"
    (tmp_path / "prefect.yaml").write_text(text)
    said = io.StringIO()
    deployments, _ = _load_deploy_configs_and_actions(tmp_path / "prefect.yaml", console=Console(file=said, width=500))
    assert "could not determine a constructor" in said.getvalue()
    assert deployments == []
    assert not canary.exists()
    yaml.unsafe_load(text)
    assert canary.exists()


@pytest.mark.fault(
    "A04",
    tried="columns, ids and classes named like code that pandas or Great Expectations would evaluate",
    outcome="they are names: the table is read and checked; the canary is untouched, and sings in DataFrame.query",
)
def test_names_that_are_code_are_names(tmp_path: Path, nursery: Nursery) -> None:
    canary = tmp_path / "canary"
    code = f"@pd.io.common.os.system('touch {canary}')"
    column = f"x` == 1 or {code} or `x"
    rows = [[f"{code} {number}", "w1 w2 w3" if number % 2 else "w4 w5 w6", f"{code}" if number % 2 else "no"]
            for number in range(40)]  # fmt: skip
    table = pd.DataFrame(rows, columns=[column, code, f"`{code}`"])
    (tmp_path / "data").mkdir()
    table.to_csv(tmp_path / "data" / "a.csv", index=False)
    config = tmp_path / "code.toml"
    names = {"id": column, "sequence": code, "label": f"`{code}`"}
    config.write_text(
        'name = "code"\nkind = "tokens"\n[model]\nfamily = "cnn"\n[source]\nformat = "csv"\nfiles = ["data/*.csv"]\n'
        + "".join(f"{key} = {json.dumps(value)}\n" for key, value in names.items())
    )
    assert tomllib.loads(config.read_text())["source"]["id"] == column
    done = nursery.run("check", config)
    assert done.status == 0, done.text
    assert "40 accepted" in done.text
    assert not canary.exists()
    pd.DataFrame({"a": [1]}).query(f"a == {code}")
    assert canary.exists()


@pytest.mark.fault(
    "A04",
    tried="row_condition, and a rule named like code, in [rules]",
    outcome="refused as an unknown key and as a name that does not fit",
)
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("[rules]\nrow_condition = \"@pd.io.common.os.system('true')\"\n", "rules.row_condition: unknown key"),
        ("[[rules.custom]]\nname = \"a`; @pd\"\nmeasure = 'length'\nat_least = 1\n", "rules.custom[0].name"),
        ("[[rules.custom]]\nname = 'a'\nmeasure = '@pd.io'\nat_least = 1\n", "rules.custom[0].measure"),
    ],
)
def test_code_in_the_rules_is_refused(more: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(TOML + more)
    with pytest.raises(ConfigRefused) as caught:
        load_pipeline(path)
    assert words in str(caught.value)


EXPLOSIVE = "^(A+)+$"  # 2^n steps for n letters and one that does not fit, where a matcher goes back


def explosive_rule(folder: Path) -> str:
    (folder / "a.csv").write_text("sequence,label\n" + f"{'A' * 3000}!,x\n{'A' * 3000},y\n" * 20)
    rule = f"[[rules.custom]]\nname = 'shape'\nmeasure = 'matches'\npattern = '{EXPLOSIVE}'\npolicy = 'warn'\n"
    return f'kind = "text"\n[source]\nformat = "csv"\nfiles = ["a.csv"]\n{rule}'


def explosive_lines(folder: Path) -> str:
    (folder / "a.txt").write_text(f"x {'A' * 3000}\ny {'A' * 3000}\n" * 20 + f"z {'A' * 3000}!\n")
    pattern = "^(?P<label>[xyz]) (?P<sequence>(?:A+)+)$"
    source = f"format = 'lines'\nfiles = ['a.txt']\nlabel_from = 'pattern'\npattern = '{pattern}'\n"
    return f'kind = "text"\n[rules]\nreject_budget = 0.5\n[source]\n{source}'


def explosive_fasta(folder: Path) -> str:
    text = "".join(f">{'A' * 3000}{'!' if number < 2 else ''}\nACGTACGT\n" for number in range(40))
    (folder / "a.fasta").write_text(text)
    source = "format = 'fasta'\nfiles = ['a.fasta']\nlabel_from = 'header'\nlabel_pattern = '^(?P<label>(?:A+)+)$'\n"
    return f'kind = "dna"\n[rules]\nreject_budget = 0.5\n[source]\n{source}'


@pytest.mark.fault(
    "A08",
    tried="a pattern that takes 2^3000 steps where a matcher goes back, in a rule, in `pattern` and in `label_pattern`",
    outcome="the pattern is matched in linear time (RE2): the check ends, with the rows that do not fit counted",
)
@pytest.mark.parametrize("project", [explosive_rule, explosive_lines, explosive_fasta])
def test_an_explosive_pattern_ends(project: Callable[[Path], str], tmp_path: Path, nursery: Nursery) -> None:
    config = tmp_path / "a.toml"
    config.write_text('name = "a"\nmodel.family = "cnn"\n' + project(tmp_path))
    command = nursery.start("check", config)
    command.wait(60)  # a matcher that goes back would not end before the sun does
    assert "Traceback" not in command.text
    assert command.status in (0, 3), command.text


@pytest.mark.fault(
    "A08",
    tried="a pattern with a back reference or a look-ahead, which need a matcher that goes back",
    outcome="refused with the pattern and its place, exit code 2",
)
@pytest.mark.parametrize("pattern", [r"(a)\\1", "(?=a)b"])
def test_a_pattern_that_needs_going_back_is_refused(pattern: str, tmp_path: Path, nursery: Nursery) -> None:
    config = tmp_path / "a.toml"
    config.write_text(
        'name = "a"\nmodel.family = "cnn"\n' + explosive_rule(tmp_path).replace(f"'{EXPLOSIVE}'", f'"{pattern}"')
    )
    command = nursery.run("check", config)
    assert command.status == 2, command.text
    assert "rules.custom (shape)" in command.text
    assert "Traceback" not in command.text
