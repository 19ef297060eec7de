"""The report: complete, self-contained, safe against names from the data, the same bytes each time."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ElementTree
from functools import cache
from html.parser import HTMLParser

import pytest

from seqcls.evaluation.report import as_data_uri, card_with_figures, figures, write_report
from seqcls.evaluation.report.figures import shorten
from seqcls.evaluation.report.page import draw, write_card, write_page
from seqcls.evaluation.report.words import verdict
from seqcls.pages import escape, visible
from seqcls.store.artefacts import Ref
from tests.seqcls.report_examples import example_evaluation, example_facts

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a | b\n# c $x_1$",
    "日本 😀",
    "",
    "\x00\x1b[31m",
]
VOID = {"meta", "br", "img", "hr", "link", "input"}


class Reader(HTMLParser):
    """Collects tags and text, and checks that every tag is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.texts.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


@cache
def drawn_once() -> dict[str, str]:
    """Figures of some evaluation: what the page shows besides them does not come from them."""
    return draw(example_evaluation(["a", "b"]), example_facts(["a", "b"]))


def page_of(names: list[str]) -> str:
    return write_page(example_evaluation(names), example_facts(names), drawn_once())


@pytest.mark.slow
def test_the_page_shows_the_figures_with_intervals_beside_the_baselines():
    evaluation = example_evaluation(["no", "maybe", "yes"])
    facts = example_facts(["no", "maybe", "yes"])
    shown = " ".join(read(write_page(evaluation, facts, drawn_once())).texts)
    low, high = evaluation.intervals["balanced_accuracy"]
    for value in (
        f"{evaluation.test.balanced_accuracy:.3f}",
        f"{low:.3f} – {high:.3f}",
        f"linear {evaluation.baselines.linear.balanced_accuracy:.3f}",
        f"class shares {evaluation.baselines.trivial.balanced_accuracy:.3f}",
        "The network beats the linear baseline.",
        "1,234 training rows",
        "rows in 1,010",
        "duplicate_id 2",
        "control_characters 5",
        "unknown share 0.0213",
        "train and test 2",
        "lowest validation loss 0.5000 in epoch 4",
        "seqcls train example.toml",
    ):
        assert value in shown, value


@pytest.mark.slow
def test_the_page_asks_for_nothing_from_outside_and_runs_nothing():
    page = page_of(["a", "b", "c"])
    for tag, attributes in read(page).tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "img"}, tag
        for name, value in attributes.items():
            assert not name.startswith("on"), name
            if name in {"href", "src", "xlink:href", "srcset", "action"}:
                assert value is not None
                assert value.startswith("#"), value
    assert not re.search(r"@import|url\((?!#)", page)


def test_names_from_the_data_are_text_never_markup():
    reader = read(page_of(HOSTILE))
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {"script", "img"}
    shown = "".join(reader.texts)
    assert "<script>alert(1)</script>" in shown
    assert '"><img src=x onerror=alert(1)>' in shown
    assert "<b>from outside</b>" in shown
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", shown)


@pytest.mark.slow
@pytest.mark.parametrize("names", [[f"class {k}" for k in range(50)], HOSTILE])
def test_every_figure_is_xml_small_and_the_same_each_time(names):
    evaluation, facts = example_evaluation(names, rows=600), example_facts(names)
    drawn = draw(evaluation, facts)
    assert set(drawn) == {"calibration", "confidence", "confusion", "classes", "loss", "scores"}
    for name, svg in drawn.items():
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg")
        assert not [one for one in root.iter() if one.tag.endswith(("script", "foreignObject", "style"))]
        assert len(svg.encode()) < 60_000, (name, len(svg))
        assert not re.search(r"\d{4}-\d{2}-\d{2}T", svg), "a date"
    assert draw(evaluation, facts) == drawn


def test_names_stand_in_the_confusion_figure_as_they_are():
    svg = figures.confusion(example_evaluation(["<i>&", "$x_1$", "日本"]).test)
    shown = [one.text for one in ElementTree.fromstring(svg).iter() if one.tag.endswith("text")]
    assert {"<i>&", "$x_1$", "日本"} <= set(shown)


@pytest.mark.slow
def test_figures_leave_matplotlib_as_it_was():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw(example_evaluation(["a", "b"]), example_facts(["a", "b"]))
    assert dict(mpl.rcParams) == before


def test_a_figure_as_data_uri_holds_the_figure():
    head, _, body = as_data_uri("<svg>é</svg>").partition(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(body).decode() == "<svg>é</svg>"


def test_long_names_are_cut_on_axes_and_whole_in_the_tables():
    name = "a class with a name that goes on and on and on"
    assert shorten(name) == "a class with a name tha…"
    assert shorten(" a\n\tb ") == "a b"
    assert shorten("\x00") == "(blank)"
    assert f">{name}<" in page_of([name, "b"])


@pytest.mark.slow
def test_many_classes_are_all_in_the_matrix_with_their_counts():
    names = [f"class {k}" for k in range(50)]
    evaluation = example_evaluation(names, rows=2000, skill=6.0)
    page = write_page(evaluation, example_facts(names), drawn_once())
    assert 'class="matrix dense"' in page
    right = {true: rows for true, predicted, rows in evaluation.test.confusions if true == predicted}
    for k, one in enumerate(evaluation.test.classes):
        share = right[k] / one.support
        assert f'title="class {k} → class {k}: {share:.1%}">{right[k]}<' in page


def test_without_a_linear_baseline_or_a_history_the_page_says_so():
    names = ["a", "b", "c"]
    evaluation, facts = example_evaluation(names, linear=False), example_facts(names, history=False)
    shown = "".join(read(write_page(evaluation, facts, drawn_once())).texts)
    assert "No linear baseline: no <reason>." in shown
    assert "The network beats the bare class shares." in shown
    assert "The model came without a training history." in shown


def test_the_verdict_says_worse_and_not_shown_as_well():
    names = ["a", "b"]
    assert verdict(example_evaluation(names, skill=-3.0))[:2] == (
        "worse",
        "The network is worse than the linear baseline: use the simpler model, or train longer.",
    )
    assert verdict(example_evaluation(names, rows=30, skill=1.0))[1] == (
        "The network is not shown to be better than the linear baseline."
    )


def test_the_card_keeps_its_tables_whatever_the_names():
    evaluation = example_evaluation(HOSTILE)
    card = write_card(evaluation, example_facts(HOSTILE))
    tables = [block for block in card.split("\n\n") if block.startswith("| ")]
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table
    assert "<script>" not in card.split("---\n", 2)[2]
    assert f"| Balanced accuracy | {evaluation.test.balanced_accuracy:.3f} |" in card
    assert "train and test" in card


def test_the_front_of_the_card_is_read_by_machines():
    import json

    names = ["a", "b: c"]
    evaluation = example_evaluation(names)
    front = write_card(evaluation, example_facts(names)).split("---\n")[1]
    found = {key: json.loads(value) for key, value in (line.split(": ", 1) for line in front.splitlines())}
    assert found["classes"] == names
    assert found["accuracy"] == pytest.approx(evaluation.test.accuracy, abs=1e-6)


def test_escape_and_visible_take_the_meaning_out_of_signs():
    assert escape("a|b\n<i>") == r"a\|b\\n\<i\>"
    assert visible("a\x1b[31m") == "a\N{REPLACEMENT CHARACTER}[31m"


@pytest.mark.slow
def test_the_folder_holds_every_file_and_the_card_carries_figures(tmp_path):
    names = ["a", "b", "c"]
    write_report(tmp_path, example_evaluation(names), example_facts(names))
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    shapes = {f"figures/{name}.svg" for name in ("calibration", "confidence", "confusion", "classes", "loss", "scores")}
    assert found == {"report.html", "model_card.md"} | shapes
    card = card_with_figures(Ref(kind="evaluation", digest="0", path=str(tmp_path)))
    assert card.startswith("# Model card: example")
    assert card.count("](data:image/svg+xml;base64,") == 4
    assert len(card.encode()) < 200_000
