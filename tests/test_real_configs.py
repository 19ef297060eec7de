"""The configs of real data sets: each encodes its own data, and the small ones learn what results.md says.

Skipped with a reason where the data (../shared/data) is missing. Nothing here opens a test split: floors are those of
the validation rows, well below what was measured, so that a test fails by a fault and not by chance.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from benchmarks import results, results_table, tune
from benchmarks.measured import read_rows, replace
from benchmarks.runs import CONFIGS, change, open_variant, prepare, validation
from benchmarks.sweep import SWEEP, swept, tuned

ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason="the real data sets (../shared/data) are not on this machine"
)

PLAIN = ("cnn", "rnn", "lstm", "gru", "hybrid")
"""The families that are compared on every kind; those made for one kind have pages of their own."""


def test_the_sweep_has_every_family_on_every_kind() -> None:
    found = {(experiment.kind, experiment.changes["model"]["family"]) for experiment in swept()}
    assert found == {(kind, family) for kind in ("text", "series", "dna", "protein", "tokens") for family in PLAIN}
    for experiment in swept():
        assert tomllib.loads(experiment.config.read_text("utf-8"))["kind"] == experiment.kind
    assert {experiment.name for experiment in tuned()} == {path.stem for path in CONFIGS.glob("*.toml")}


@pytest.mark.slow
@needs_data
def test_every_network_of_the_sweep_is_accepted_by_its_config(tmp_path: Path) -> None:
    for experiment in swept():
        with open_variant(experiment.config, experiment.changes, tmp_path) as workspace:
            assert workspace.pipeline.model.family == experiment.changes["model"]["family"]


def test_settings_are_replaced_or_removed_and_the_document_stays() -> None:
    document = {"train": {"epochs": 5, "balance": "weights"}, "model": {"family": "lstm"}}
    changed = change(document, {"train.epochs": 9, "train.balance": None, "model": {"family": "cnn"}, "seed": 1})
    assert changed == {"train": {"epochs": 9}, "model": {"family": "cnn"}, "seed": 1}
    assert document["train"] == {"epochs": 5, "balance": "weights"}
    assert tune.read_change('model.pooling="max"') == ("model.pooling", "max")


def test_tuning_cannot_move_test_rows_into_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["tune", "splice", "--splits", "0", "1"])
    with pytest.raises(SystemExit):
        tune.main()


def test_a_run_replaces_the_older_one_of_its_name_and_seed(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    replace(path, [{"name": "b", "seed": 0, "accuracy": 0.1}, {"name": "a", "seed": 0, "accuracy": 0.2}], results.KEY)
    replace(path, [{"name": "b", "seed": 0, "accuracy": 0.9}], results.KEY, ordered=True)
    assert read_rows(path) == [
        {"name": "a", "seed": "0", "accuracy": "0.2"},
        {"name": "b", "seed": "0", "accuracy": "0.9"},
    ]


def test_a_table_is_replaced_between_its_markers_and_a_page_without_them_is_refused() -> None:
    page = "before\n<!-- tuned begins -->\nold\n<!-- tuned ends -->\nafter\n"
    new = results_table.replace_between(page, "tuned", "| new |")
    assert new == "before\n<!-- tuned begins -->\n| new |\n<!-- tuned ends -->\nafter\n"
    with pytest.raises(ValueError, match="no place for the table 'sweep'"):
        results_table.replace_between(page, "sweep", "")


def test_the_page_shows_what_the_results_file_holds() -> None:
    """The tables in docs/evidence/results.md are those that the committed CSV gives."""
    files = sorted((ROOT / "benchmarks" / "results").glob("results-*.csv"))
    assert files, "benchmarks/results has no results"
    page = (ROOT / "docs" / "evidence" / "results.md").read_text("utf-8")
    rows = [row for file in files for row in results.read_rows(file)]
    assert results_table.table(results_table.TUNED_HEAD, rows, results_table.tuned_line, sweep=False) in page
    assert results_table.table(results_table.SWEEP_HEAD, rows, results_table.sweep_line, sweep=True) in page
    swept_rows = [row for row in rows if str(row["name"]).startswith("sweep-")]
    assert {(row["kind"], row["family"]) for row in swept_rows} == {(kind, name) for kind in SWEEP for name in PLAIN}


@pytest.mark.slow
@needs_data
@pytest.mark.parametrize("name", ["italy-power-demand", "promoters", "basic-motions"])
def test_a_small_real_set_goes_through_every_stage_before_training(name: str, tmp_path: Path) -> None:
    with open_variant(CONFIGS / f"{name}.toml", {}, tmp_path) as workspace:
        encoded = prepare(workspace)
        again = prepare(workspace)
    assert {path.name for path in encoded.folder.iterdir()} >= {"train", "valid", "test", "encoder.json"}
    assert again.digest == encoded.digest


@pytest.mark.slow
@needs_data
@pytest.mark.parametrize(("name", "epochs", "floor"), [("italy-power-demand", 40, 0.75), ("basic-motions", 30, 0.5)])
def test_a_small_real_set_is_learnt_by_its_config(name: str, epochs: int, floor: float, tmp_path: Path) -> None:
    """Measured on a third of the training rows, two seeds: 1.0 and 0.75 to 0.92; chance is 0.5 and 0.25."""
    changes = {"split.valid": 0.34, "train.epochs": epochs, "train.patience": epochs, "train.threads": 1}
    assert validation(CONFIGS / f"{name}.toml", changes, tmp_path)["accuracy"] >= floor
