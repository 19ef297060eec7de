"""What people read of an evaluation: figures, one HTML page, a model card.

In: `Evaluation` and `Facts`. Out: files in a folder. Promise: the same inputs give the same bytes.
"""

from __future__ import annotations

import re
from pathlib import Path

from seqcls.evaluation.report.facts import Evaluation, Facts, gather_facts
from seqcls.evaluation.report.figures import as_data_uri
from seqcls.evaluation.report.page import draw, write_card, write_page
from seqcls.store.artefacts import Ref

__all__ = ["Evaluation", "Facts", "as_data_uri", "card_with_figures", "gather_facts", "write_report"]
AFTER_THE_HEADLINE = {"confusion": "Confusion matrix", "loss": "Loss", "scores": "Validation figures"}
AT_THE_END = {"calibration": "Calibration"}


def write_report(folder: Path, evaluation: Evaluation, facts: Facts) -> None:
    """report.html, model_card.md and figures/*.svg."""
    drawn = draw(evaluation, facts)
    (folder / "figures").mkdir()
    for name, svg in drawn.items():
        (folder / "figures" / f"{name}.svg").write_text(svg, encoding="utf-8")
    (folder / "report.html").write_text(write_page(evaluation, facts, drawn), encoding="utf-8")
    (folder / "model_card.md").write_text(write_card(evaluation, facts), encoding="utf-8")


def card_with_figures(evaluation: Ref) -> str:
    """The model card of an `evaluation` artefact for the Prefect UI: what one looks for first stands first."""
    card = (evaluation.folder / "model_card.md").read_text(encoding="utf-8")
    card = re.sub(r"\A---\n.*?\n---\n+", "", card, flags=re.DOTALL)
    headline, section, rest = card.partition("\n## ")
    first, last = _figures(evaluation, AFTER_THE_HEADLINE), _figures(evaluation, AT_THE_END)
    return "\n\n".join([headline.rstrip(), *first]) + "\n" + section + "\n\n".join([rest, *last]) + "\n"


def _figures(evaluation: Ref, titles: dict[str, str]) -> list[str]:
    return [
        f"![{title}]({as_data_uri(path.read_text(encoding='utf-8'))})"
        for name, title in titles.items()
        if (path := evaluation.folder / "figures" / f"{name}.svg").is_file()
    ]
