"""`seqcls check`, `train`, `score`, `predict`: the road itself."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqcls.cli.progress import SCORING, Notes, TerminalListener
from seqcls.cli.show import at_least_one, last_words, say, show, version_number
from seqcls.config import ChangedConfig
from seqcls.config.changes import parse_changes
from seqcls.errors import one_line
from seqcls.workspace import open_workspace

if TYPE_CHECKING:
    from seqcls.scoring.request import ScoreRequest

FLAGS = {
    "abstained": "abstained: the confidence is below score.abstain_below or score.abstain_precision",
    "many_unknown": "many_unknown: the model saw few of these words or letters in training; trust it less",
    "truncated": "truncated: longer than [encode].max_length; the model saw only a part",
    "unlike_training": "unlike_training: another scale, length or alphabet than the training rows; do not trust it",
}


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check", help="read and validate everything, show what training would do, train nothing"
    )
    check.add_argument("config", type=Path)
    check.add_argument("--rows", type=at_least_one, default=3, help="rows shown (default 3)")
    _add_set(check)
    check.set_defaults(run=_check)

    train = commands.add_parser("train", help="train a model from raw files, and promote it if it passes the gate")
    train.add_argument("config", type=Path)
    _add_set(train)
    train.add_argument("--json", action="store_true", help="one line of JSON instead of text")
    train.set_defaults(run=_train)

    score = commands.add_parser("score", help="score new files with the champion, or score old ones again")
    score.add_argument("config", type=Path)
    score.add_argument("--since", type=_day, metavar="DAY", help="first day (YYYY-MM-DD; the date in a file's name, "
                       "otherwise its last change)")  # fmt: skip
    score.add_argument("--until", type=_day, metavar="DAY", help="last day, inclusive")
    score.add_argument(
        "--rescore", action="store_true", help="score again what was already scored; old scores are kept"
    )
    score.add_argument(
        "--model", metavar="VERSION", help="score again with this version, such as 2 or v2, instead of the champion"
    )
    score.add_argument("--dry-run", action="store_true", help="list what would be scored, do nothing")
    score.add_argument("--json", action="store_true", help="one line of JSON instead of text")
    score.set_defaults(run=_score)

    predict = commands.add_parser("predict", help="classify one sequence")
    predict.add_argument("config", type=Path)
    predict.add_argument(
        "sequence",
        help="the text, the letters, or numbers separated by commas (channels by ';'); - reads standard input",
    )
    predict.add_argument("--version", type=version_number, help="such as 2 or v2 (default: the champion)")
    predict.add_argument("--json", action="store_true")
    predict.set_defaults(run=_predict)


def _add_set(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="for this run only, such as train.epochs=5; the pipeline file stays as it is. May be repeated",
    )  # fmt: skip


def _config_of(options: argparse.Namespace) -> ChangedConfig:
    """The pipeline file with the changes of this run."""
    return ChangedConfig(path=str(options.config), changes=parse_changes(options.set))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a day such as 2026-11-22") from None


def _check(options: argparse.Namespace) -> None:
    from seqcls.cli.preview import preview

    with open_workspace(_config_of(options)) as workspace:
        show(preview(workspace, options.rows, str(options.config)))


def _train(options: argparse.Namespace) -> None:
    from seqcls.messages import after_training
    from seqcls.road import train_pipeline, watching
    from seqcls.stages import TRAINING

    names = tuple(stage.name for stage in TRAINING)
    with (
        watching(options.config, "train", Notes()),
        TerminalListener(options.json, names) as shown,
        open_workspace(_config_of(options), shown) as workspace,
    ):
        outcome = train_pipeline(workspace)
    if options.json:
        print(json.dumps(outcome.summary()))
    else:
        last_words(lambda: after_training(outcome, str(options.config)))


def _score(options: argparse.Namespace) -> None:
    from seqcls.messages import after_scoring
    from seqcls.road import score_pipeline, watching
    from seqcls.scoring.scoring_run import ScoreRequest, require_published, require_usable

    request = ScoreRequest(
        rescore=options.rescore, since=options.since, until=options.until, model=options.model
    )  # fmt: skip
    if options.dry_run:
        return _plan(options, request)
    with watching(options.config, "score", Notes()):
        with TerminalListener(options.json, SCORING) as shown, open_workspace(options.config, shown) as workspace:
            outcome = score_pipeline(workspace, request)
        if options.json:
            print(json.dumps(outcome.summary()))
        else:
            found, config = outcome, str(options.config)
            last_words(lambda: after_scoring(found.run, found.files, found.output, config, found.prepared))
        require_usable(outcome.prepared)
        require_published(outcome.files)


def _plan(options: argparse.Namespace, request: ScoreRequest) -> None:
    from seqcls.scoring.plan import plan_lines, plan_scoring

    with open_workspace(options.config) as workspace:
        plan = plan_scoring(workspace, request)
    if options.json:
        print(json.dumps(plan.model_dump(mode="json")))
    else:
        show("\n".join(plan_lines(plan, str(options.config))))


def _predict(options: argparse.Namespace) -> None:
    from seqcls.registry.versions import champion, take_version
    from seqcls.scoring.predict import predict_one

    text = sys.stdin.read() if options.sequence == "-" else options.sequence
    with open_workspace(options.config) as workspace:
        version = take_version(workspace, options.version) if options.version is not None else champion(workspace)
        answer = predict_one(workspace, version, text)
    if options.json:
        print(json.dumps(answer))
    else:
        say(_show_answer(answer))


def _show_answer(answer: dict[str, Any]) -> str:
    probabilities = answer["probabilities"]
    label = answer["label"]
    if label is None:
        label = f"no label: that needs a confidence of {answer['least_confidence']:.6g}"
    lines = [f"{one_line(label)}  ({answer['confidence']:.3f}, {answer['model']})"]
    lines += [
        f"  {value:.3f}  {one_line(name)}" for name, value in sorted(probabilities.items(), key=lambda item: -item[1])
    ]
    if answer["flags"]:
        lines += [f"  note: {FLAGS.get(flag, flag)}" for flag in answer["flags"]]
    return "\n".join(lines)
