"""benchmarks.simulated: every line of its table is measured, and the page holds the table of the committed file."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import simulated
from benchmarks.measured import RESULTS, read_rows


def test_every_model_is_measured_on_every_data_set() -> None:
    rows = list(simulated.measure(400))
    assert [row["data"] for row in rows] == ["reviews"] * 3 + ["dna"] * 5 + ["ecg"] * 2
    found = {(row["data"], row["features"]): float(str(row["accuracy"])) for row in rows}
    assert len(found) == len(rows)
    assert all(0.05 < accuracy < 0.95 for accuracy in found.values())
    assert found["ecg", "mean, deviation, extremes and slopes, random forest"] > 0.3, "chance is 0.2"


def test_summaries_of_a_row_are_those_of_a_hand() -> None:
    row = simulated.summaries(np.array([[0.0, 2.0, 1.0, 1.0]]))[0]
    assert row.tolist() == pytest.approx([1.0, 0.5**0.5, 0.0, 2.0, 1.0, (14 / 9) ** 0.5, -1.0, 2.0])


def test_the_page_holds_the_table_of_the_file() -> None:
    page = simulated.PAGE.read_text("utf-8")
    shown = page.partition(simulated.BEGIN)[2].partition(simulated.END)[0].strip()
    assert shown == simulated.table(read_rows(RESULTS / "simulated.csv"))
