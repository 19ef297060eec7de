"""What the report and the model card say in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from seqcls.config.model import find_family
from seqcls.evaluation.calibration import Abstention
from seqcls.evaluation.report.facts import Evaluation, Facts
from seqcls.evaluation.report.figures import best_epoch
from seqcls.evaluation.tried import Search

Value = TypeVar("Value")

MEANINGS = {
    "Balanced accuracy": "mean recall over the classes with rows: every class counts the same, however rare",
    "Accuracy": "share of rows with the right class",
    "Macro F1": "mean over classes of the harmonic mean of precision and recall",
    "Matthews correlation": "correlation of truth and answer; 0 is chance, 1 is perfect",
    "AUROC": "chance that a row of a class gets a higher probability for it than another row; mean over classes",
    "Log loss": "mean of -ln(probability of the true class)",
    "Calibration error": "mean distance of confidence and share right, 15 bins (Guo et al. 2017)",
    "Brier score": "mean squared distance of the probabilities from the truth, summed over classes (0 to 2)",
}
LIMITS = (
    "The figures hold for rows like the test rows: same sources, same time, same way of labelling.",
    "Intervals say what another test set of this size could give; they do not cover another training run, and they "
    "take rows as independent: with several rows of one patient, author or device the truth is wider.",
    "The test split was opened for this report. Choosing between models by it makes it a validation split.",
    "Classes with few test rows have figures of little weight: look at the number of rows first.",
    "The network answers with one of its classes whatever it is given; it does not know what it has never seen.",
    "Probabilities are as the network gives them, over one temperature where it has one; the calibration figure shows "
    "how far they can be read as chances.",
)


class Verdict(NamedTuple):
    mood: str
    """better, worse or open."""
    line: str
    detail: str


def verdict(evaluation: Evaluation) -> Verdict:
    """Does the network beat the linear baseline on the same rows?"""
    own, trivial = evaluation.test.balanced_accuracy, evaluation.baselines.trivial.balanced_accuracy
    found = evaluation.against_linear
    if found is None:
        mood = "better" if evaluation.intervals["balanced_accuracy"][0] > trivial else "worse"
        beats = "beats" if mood == "better" else "is not shown to beat"
        detail = f"Balanced accuracy {own:.3f} against {trivial:.3f}."
        return Verdict(mood, f"The network {beats} the bare class shares.", detail)
    detail = (
        f"Balanced accuracy {found.b:.3f} against {found.a:.3f} on the same {found.rows:,} test rows: "
        f"difference {found.estimate:+.3f}, 95 % interval {found.low:+.3f} to {found.high:+.3f}, "
        f"better in {100 * found.p_better:.0f} % of the resamples."
    )
    if found.low > 0:
        return Verdict("better", "The network beats the linear baseline.", detail)
    if found.high < 0:
        advice = "use the simpler model, or train longer"
        return Verdict("worse", f"The network is worse than the linear baseline: {advice}.", detail)
    return Verdict("open", "The network is not shown to be better than the linear baseline.", detail)


def learning(facts: Facts) -> str:
    """How the training went, beside its curves; families that are fitted have none."""
    if not facts.history:
        return "The model came without a training history."
    if find_family(facts.family).trained == "fit":
        losses = facts.history[0]
        judged = "validation rows" if sum(facts.class_rows.get("valid", {}).values()) else "training rows held out"
        return (
            f"Fitted in one go, not in epochs: loss {losses['train_loss']:.4f} on training rows, "
            f"{losses['valid_loss']:.4f} on {judged}."
        )
    best = best_epoch(facts.history)
    epochs = f"{len(facts.history)} epoch{'s' if len(facts.history) > 1 else ''}"
    return f"{epochs}; lowest validation loss {best['valid_loss']:.4f} in epoch {best['epoch']:.0f} (dashed)."


def search_cost(found: Search) -> str:
    """How the candidates were judged, and what it cost."""
    return (
        f"{len(found.candidates)} candidates, judged by {found.metric.replace('_', ' ')} on {found.rows:,} rows: "
        f"{found.judged}. {found.seconds:.0f} of {found.budget_seconds:.0f} seconds. No test row was read."
    )


def confidence_lines(evaluation: Evaluation) -> list[str]:
    """What the temperature changed, and from which confidence on rows get a label."""
    lines = []
    if (found := evaluation.calibration) is not None:
        lines.append(
            f"Temperature {found.temperature:.3f}, fitted on validation: calibration error on the test rows "
            f"{found.test_before.ece:.3f} before, {found.test_after.ece:.3f} after; log loss "
            f"{found.test_before.log_loss:.3f} before, {found.test_after.log_loss:.3f} after."
        )
    if (chosen := evaluation.abstention) is not None:
        lines.append(_abstention_line(chosen))
    return lines


def _abstention_line(found: Abstention) -> str:
    if found.threshold is None:
        return (
            f"No threshold shows that {found.wanted:.1%} of the labels given are right: {found.rows:,} validation rows "
            "are too few, or too many of them are wrong. Scoring with this wish is refused."
        )
    test = f"{found.test_right / found.test_kept:.1%} of them rightly" if found.test_kept else "so there is no share"
    return (
        f"Rows get a label from a confidence of {found.threshold:.3f} on, so that {found.wanted:.1%} of the labels are "
        f"right. On validation {found.abstained_share:.1%} of {found.rows:,} rows get none, and {found.right:,} of "
        f"{found.kept:,} labels are right, which proves {found.bound:.1%}; of {found.test_rows:,} test rows "
        f"{found.test_kept:,} get a label, {test}."
    )


def spoken(facts: Mapping[str, Value]) -> dict[str, Value]:
    """Names of nested facts for people: `rows.train` -> `rows, train`; underscores become blanks."""
    return {name.replace("_", " ").replace(".", ", "): value for name, value in facts.items()}
