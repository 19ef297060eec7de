"""What the report and the model card say in sentences."""

from __future__ import annotations

from collections.abc import Mapping

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
    "Probabilities are as the network gives them; the calibration figure shows how far they can be read as chances.",
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


def spoken(facts: Mapping[str, str]) -> dict[str, str]:
    """Names of nested facts for people: `rows.train` -> `rows, train`; underscores become blanks."""
    return {name.replace("_", " ").replace(".", ", "): value for name, value in facts.items()}
