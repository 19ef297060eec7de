"""Classes that a person cannot tell apart: named, joined by `source.classes`, or a reason to stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqcls.cli import main
from tests.seqcls.reading_files import read_bytes

PAGE = """name = "teams"
kind = "text"
[source]
format = "csv"
files = ["data.csv"]
{source}
[rules]
{rules}
[model]
family = "ngrams"
"""


def write(folder: Path, source: str = "", rules: str = "") -> Path:
    classes = ("up", "Up ", "down", "N/A")
    rows = [f"{label.strip()} word{n} letter{n % 7},{label}" for n in range(30) for label in classes]
    (folder / "data.csv").write_text("\n".join(["sequence,label", *rows]) + "\n")
    config = folder / "p.toml"
    config.write_text(PAGE.format(source=source, rules=rules))
    return config


@pytest.mark.slow
def test_the_line_that_check_shows_joins_the_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(write(tmp_path))]) == 0
    shown = capsys.readouterr().out
    assert "2 classes look alike: 'up' 30 rows, 'Up ' 30 rows" in shown
    assert 'classes = {"Up " = "up"}' in shown
    assert "the class 'N/A' (30 rows) looks like a missing value" in shown
    config = write(tmp_path, 'classes = {"Up " = "up", "N/A" = ""}', "reject_budget = 0.3")
    assert main(["check", str(config)]) == 0
    shown = capsys.readouterr().out
    assert "look" not in shown
    assert "120 rows = 90 accepted + 30 rejected" in shown


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "status", "said"), [("fail", 3, True), ("off", 0, False), ("warn", 0, True)])
def test_the_rule_has_a_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], policy: str, status: int, said: bool
) -> None:
    config = write(tmp_path, rules=f'similar_label = "{policy}"')
    assert main(["check", str(config)]) == status
    shown = capsys.readouterr()
    assert ("2 classes look alike" in shown.out + shown.err) is said
    if policy == "fail":
        assert "rules.similar_label is fail" in shown.err
        assert 'classes = {"Up " = "up"}' in shown.err


def test_codes_get_names_and_blanks_of_any_kind_are_missing(tmp_path: Path) -> None:
    data = 'id,sequence,label,who\na,one,1,x\nb,two,2,\u00a0\nc,three,"\u2003",y\n\u3000,four,3,z\n'
    result = read_bytes(
        tmp_path, data.encode(), "text", sequence="sequence", label="label", id="id", group="who",
        classes={"1": "World", "2": "Sports"},
    )  # fmt: skip
    assert result.rows == [("one", "World"), ("two", "Sports"), ("three", None)]
    assert result.table["group"].to_pylist() == ["x", None, "y"]
    assert [(row, rule) for row, rule, _ in result.refused] == [(4, "id")]
