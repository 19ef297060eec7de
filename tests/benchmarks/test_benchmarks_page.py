"""benchmarks.md: what is in the files of measurements is on the page, what is not there is not made up."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from benchmarks import bench, figures, page
from benchmarks.aims import SERIES, aims_table
from benchmarks.measured import RESULTS, Row, replace

ABOUT = {"machine": "2 cores", "threads": 2, "load": 0.5, "date": "2026-11-23", "commit": "abc", "torch": "2.13.0"}


@pytest.fixture
def empty_page(tmp_path: Path) -> Path:
    """A page with every marker and no figures."""
    text = "".join(f"# {one.name}\n<!-- {one.name} begins -->\n<!-- {one.name} ends -->\n" for one in figures.SECTIONS)
    (tmp_path / "page.md").write_text(text, "utf-8")
    return tmp_path / "page.md"


def test_a_part_that_was_not_run_says_so_with_its_command(empty_page: Path) -> None:
    figures.write(empty_page.parent / "nothing", empty_page, empty_page.parent / "images")
    text = empty_page.read_text("utf-8")
    assert text.count("Not run yet") == len(figures.SECTIONS)
    assert "Not run yet: `python -m benchmarks.scaling`." in text
    assert list((empty_page.parent / "images").iterdir()) == []


def test_a_measurement_is_on_the_page_with_machine_versions_and_load(empty_page: Path) -> None:
    results, images = empty_page.parent / "results", empty_page.parent / "images"
    line: Row = {"case": "dna", "what": "train", "pairs": 5, "seqcls_rows_s": 1234, "torch_rows_s": 1000,
                 "keras_rows_s": "", "ratio": 1.23, "lowest": 1.1, "highest": 1.4, **ABOUT}  # fmt: skip
    replace(results / "speed.csv", [line, {**line, "what": "score", "load": 3.0}], ("case", "what"))
    figures.write(results, empty_page, images)
    text = empty_page.read_text("utf-8")
    assert "| dna | train | 1,234 | 1,000 | – | 1.23 | 1.1 to 1.4 | 5 | – |" in text
    assert "2 cores; threads 2; commit abc; 2026-11-23; load 0.5 to 3; torch 2.13.0." in text
    assert "](images/benchmark-speed.svg)" in text
    drawn = (images / "benchmark-speed.svg").read_text("utf-8")
    ElementTree.fromstring(drawn)  # our own file
    assert "seqcls" in drawn
    assert "keras" not in drawn, "a peer that was not run is not in the figure"
    assert "mathdefault" not in drawn, "numbers on the axes can be read"
    figures.write(results, empty_page, images)
    assert (images / "benchmark-speed.svg").read_text("utf-8") == drawn, "the same rows give the same bytes"


def test_a_figure_whose_measurement_is_gone_goes_too(empty_page: Path) -> None:
    images = empty_page.parent / "images"
    images.mkdir()
    (images / "benchmark-speed.svg").write_text("<svg/>", "utf-8")
    figures.write(empty_page.parent / "nothing", empty_page, images)
    assert not (images / "benchmark-speed.svg").exists()


def test_a_page_without_a_place_for_a_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no place for 'limits': put <!-- limits begins -->"):
        figures.fill("nothing here", "limits", "table", tmp_path / "page.md")


def test_seeds_are_joined_and_what_auto_chose_is_named() -> None:
    rows: list[Row] = [
        {"set": "trec", "who": "auto", "accuracy": accuracy, "seconds": 100, "chosen": chosen}
        for accuracy, chosen in ((0.8, "lstm"), (0.9, "cnn"))
    ]
    rows += [
        {"set": "trec", "who": "aeon", "accuracy": "0.5", "seconds": "1", "chosen": one} for one in ("hydra", "mini")
    ]
    lines = page.accuracy_table(rows).splitlines()[2:]
    assert lines == [
        "| trec | aeon: hydra | 0.500 | 1.0 | 1 |",
        "| trec | aeon: mini | 0.500 | 1.0 | 1 |",
        "| trec | auto: cnn, lstm | 0.850 ± 0.071 | 100.0 ± 0.0 | 2 |",
    ]


def test_a_missed_target_and_a_share_are_shown_as_such() -> None:
    missed: Row = {"target": "road by scorer", "measured": "0.61", "wanted": "at least 0.7", "holds": "0"}
    assert page.targets_table([missed]).splitlines()[-1] == "| road by scorer | 0.61 | – | at least 0.7 | **missed** |"
    reached: Row = {"limit": "roofline", "what": "train", "case": "ecg", "unit": "rows/s", "value": "2000",
                    "share": "0.1234", "bound": "memory"}  # fmt: skip
    assert page.limits_table([reached]).splitlines()[-1] == "| train | ecg | 2000 rows/s | 12.3% | memory |"


def test_every_file_of_measurements_that_is_there_can_be_put_on_a_page(empty_page: Path) -> None:
    """The committed files, whatever columns they have: figures are drawn of all that has some."""
    figures.write(RESULTS, empty_page, empty_page.parent / "images")
    drawn = {path.stem for path in (empty_page.parent / "images").iterdir()}
    assert drawn == {f"benchmark-{one.name}" for one in figures.SECTIONS if one.draw and one.read(RESULTS)}
    assert "benchmark-accuracy" in drawn


def test_the_committed_page_has_a_place_for_every_section() -> None:
    text = figures.PAGE.read_text("utf-8")
    for section in figures.SECTIONS:
        figures.fill(text, section.name, "", figures.PAGE)


def test_a_part_is_given_its_peer_its_threads_and_where_to_write() -> None:
    peer = bench.Environment("keras", Path("/peer/python"))
    words = bench.command(bench.PARTS["speed"], peer, 3, quick=False)
    assert words[1:] == [
        "-m", "benchmarks.speed", "--keras", "/peer/python", "--results", str(RESULTS), "--threads", "3",
    ]  # fmt: skip
    quick = bench.command(bench.PARTS["figures"], None, 3, quick=True)
    assert str(RESULTS) not in quick
    assert str(figures.PAGE) not in quick, "sizes that say nothing stay off the page"
    assert bench.left_out(bench.PARTS["series"], quick=True) == "it has no quick sizes"


def test_every_part_is_a_module_that_takes_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    import importlib
    from unittest import mock

    for part in bench.PARTS.values():
        module = importlib.import_module(f"benchmarks.{part.module}")
        with mock.patch("sys.argv", [part.module, "--help"]), pytest.raises(SystemExit) as stopped:
            module.main()
        assert stopped.value.code == 0
        said = capsys.readouterr().out
        for word in [*bench.command(part, None, 1, quick=True), part.option]:
            assert not word.startswith("--") or word in said, f"{part.module} does not know {word}"


def test_an_aim_holds_when_the_mean_over_its_seeds_reaches_it_and_a_missing_set_is_named() -> None:
    def run(name: str, figure: float, seed: int = 0) -> Row:
        return {"set": name, "seed": seed, "chosen": "rocket", "accuracy": figure, "macro_f1": 0.5, "mcc": 0.5}

    series = [run(name, 0.93) for name in SERIES]
    lines = aims_table([*series, run("sst3", 0.65), run("sst3", 0.67, 1), run("trec", 0.91)]).splitlines()
    assert "| nine sets of series, mean | rocket | accuracy | 0.9300 | 0.925 | 9 | holds |" in lines
    assert "| sst3 | rocket | accuracy | 0.6600 ± 0.0141 | 0.66 | 2 | holds |" in lines
    assert "| trec | rocket | accuracy | 0.9100 | 0.92 | 1 | **missed** |" in lines
    assert "| splice | – | accuracy | – | 0.965 | 0 | not run: splice |" in lines
    assert "not run: ecg5000 |" in aims_table(series[1:]).splitlines()[2]
    twice = aims_table([*series, *(run(name, 0.91, 1) for name in SERIES)]).splitlines()[2]
    assert "| 0.9200 ± 0.0141 | 0.925 | 18 | **missed** |" in twice
    partly = aims_table([*series, run(SERIES[0], 0.92, 1)]).splitlines()[2]
    assert "| 0.9294 | 0.925 | 10 | holds |" in partly


def test_losses_are_means_over_seeds_for_each_epoch() -> None:
    rows: list[Row] = [
        {"case": "ecg", "who": who, "seed": seed, "losses": f"[{first}, 0.5]", "held_losses": f"[{first}, 0.75]"}
        for who, seed, first in (("seqcls", 0, 1.0), ("seqcls", 1, 2.0), ("keras", 0, 1.25))
    ]
    lines = page.losses_table(rows).splitlines()
    assert lines[0] == "| network | rows |  | epoch 1 | epoch 2 | seeds |"
    assert lines[2:] == [
        "| ecg | learnt | keras | 1.250 | 0.500 | 1 |",
        "| ecg | learnt | seqcls | 1.500 ± 0.707 | 0.500 ± 0.000 | 2 |",
        "| ecg | held out | keras | 1.250 | 0.750 | 1 |",
        "| ecg | held out | seqcls | 1.500 ± 0.707 | 0.750 ± 0.000 | 2 |",
    ]
