"""What the report and the model card say in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from seqcls.evaluation.calibration import Abstention
from seqcls.evaluation.report.facts import Evaluation

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


def verdict(evaluation: Evaluation) -> tuple[str, str, str]:
    """(mood, sentence, detail): does the network beat the linear baseline on the same rows?"""
    own, trivial = evaluation.test.balanced_accuracy, evaluation.baselines.trivial.balanced_accuracy
    found = evaluation.against_linear
    if found is None:
        mood = "better" if evaluation.intervals["balanced_accuracy"][0] > trivial else "worse"
        beats = "beats" if mood == "better" else "is not shown to beat"
        return (
            mood,
            f"The network {beats} the bare class shares.",
            f"Balanced accuracy {own:.3f} against {trivial:.3f}.",
        )
    detail = (
        f"Balanced accuracy {found.b:.3f} against {found.a:.3f} on the same {found.rows:,} test rows: "
        f"difference {found.estimate:+.3f}, 95 % interval {found.low:+.3f} to {found.high:+.3f}, "
        f"better in {100 * found.p_better:.0f} % of the resamples."
    )
    if found.low > 0:
        return "better", "The network beats the linear baseline.", detail
    if found.high < 0:
        return "worse", "The network is worse than the linear baseline: use the simpler model, or train longer.", detail
    return "open", "The network is not shown to be better than the linear baseline.", detail


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


def spoken(facts: Mapping[str, str]) -> dict[str, str]:
    """Names of nested facts for people: `rows.train` -> `rows, train`; underscores become blanks."""
    return {name.replace("_", " ").replace(".", ", "): value for name, value in facts.items()}
