"""A file without records is a quiet night: 0 rows, no fault; names that begin with _ are no data."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.cli import main

HEAD = "sequence,label\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Spark writes: parts, two of them without rows, and a mark that all is written."""
    folder = tmp_path_factory.mktemp("quiet")
    (folder / "parts").mkdir()
    rows = [f"{label} word{n} letter{n % 7},{label}\n" for n in range(40) for label in ("up", "down")]
    (folder / "parts" / "part-0.csv").write_text(HEAD + "".join(rows))
    (folder / "parts" / "part-1.csv").write_text(HEAD)
    (folder / "parts" / "part-2.csv").write_text(HEAD)
    (folder / "parts" / "_SUCCESS").write_text("")
    (folder / "parts" / "_temporary").mkdir()
    (folder / "parts" / "_temporary" / "part-9.csv").write_text("no table at all")
    (folder / "p.toml").write_text(
        'name = "p"\nkind = "text"\n[source]\nformat = "csv"\nfiles = ["parts"]\n[model]\nfamily = "ngrams"\n'
        '[promote]\nevery_class_predicted = false\n[score]\nfiles = ["new/*"]\n'
    )
    (folder / "new").mkdir()
    assert main(["train", str(folder / "p.toml")]) == 0
    return folder


@pytest.mark.slow
def test_parts_without_rows_and_names_with_an_underscore_stop_no_training(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(project / "p.toml")]) == 0
    shown = capsys.readouterr().out
    assert "p: text, 3 files, 80 rows, 0 unreadable" in shown
    assert "_SUCCESS" not in shown


@pytest.mark.slow
def test_a_night_without_records_ends_well_and_so_does_the_next(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "new" / "monday.csv").write_text(HEAD)
    assert main(["score", str(project / "p.toml")]) == 0
    assert "0 rows in = 0 scored + 0 rejected + 0 abstained" in capsys.readouterr().out
    (project / "new" / "tuesday.csv").write_text(HEAD)  # the same bytes
    (project / "new" / "wednesday.csv").write_text(HEAD + "up word1,\n")
    assert main(["score", str(project / "p.toml")]) == 0
    assert "1 rows in = 1 scored + 0 rejected" in capsys.readouterr().out
    (project / "new" / "thursday.csv").write_text("")  # 0 bytes: nobody knows what was to come
    assert main(["score", str(project / "p.toml")]) == 3
    assert "new/thursday.csv: no rows: the file is empty" in capsys.readouterr().err


@pytest.mark.slow
def test_a_parquet_file_with_a_schema_only_is_a_quiet_night(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = project / "parquet.toml"
    text = (project / "p.toml").read_text().replace('name = "p"', 'name = "q"')
    config.write_text(text.replace('"new/*"', '"other/*"') + 'output = "others"\n[score.source]\nformat = "parquet"\n')
    (project / "other").mkdir()
    pq.write_table(pa.table({"sequence": pa.array([], pa.string())}), project / "other" / "a.parquet")
    assert main(["train", str(config)]) == 0
    capsys.readouterr()
    assert main(["score", str(config)]) == 0
    assert "0 rows in = 0 scored" in capsys.readouterr().out


def test_nothing_but_headers_is_no_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text(HEAD)
    config = tmp_path / "p.toml"
    config.write_text(
        'name = "p"\nkind = "text"\n[source]\nformat = "csv"\nfiles = ["a.csv"]\n[model]\nfamily = "ngrams"\n'
    )
    assert main(["train", str(config)]) == 3
    assert "a.csv: no rows; expected at least one record. Next: deliver the file again" in capsys.readouterr().err
