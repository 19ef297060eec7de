"""`python -m examples.simulate FOLDER`: training files, and a night of new ones if asked, for the worked examples."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from examples.simulate import DEMO_ROWS, write_night, write_training
from examples.simulate.night import MIN_ROWS


def main(arguments: list[str] | None = None) -> int:
    """Write the files and say what was written."""
    options = _parse(arguments)
    folder: Path = options.folder
    rows = DEMO_ROWS if options.rows is None else dict.fromkeys(DEMO_ROWS, options.rows)
    for path in write_training(folder, {name: count for name, count in rows.items() if count}, options.seed):
        print(f"{path}  {path.stat().st_size:,} bytes")
    if options.night:
        for name, night in write_night(folder, options.night, options.night_rows, options.seed).items():
            print(f"{folder / name / 'incoming'}  {night.rows_in} rows: {night.good} good, {night.bad} bad")
        print(f"{folder / f'night-{options.night}.json'}  which rows are bad, and why")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.simulate", description=__doc__)
    parser.add_argument("folder", type=Path, help="gets the folders reviews, ecg and dna")
    parser.add_argument("--rows", type=_count, help=f"training rows of each example, 0 for none ({_say(DEMO_ROWS)})")
    parser.add_argument("--seed", type=_count, default=0, help="the same seed writes the same bytes (0)")
    parser.add_argument("--night", type=date.fromisoformat, metavar="YYYY-MM-DD", help="also new data of that night")
    parser.add_argument("--night-rows", type=_night_rows, default=1000, help="rows of each example that night (1000)")
    return parser.parse_args(arguments)


def _say(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in rows.items())


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is below 0")
    return number


def _night_rows(text: str) -> int:
    number = int(text)
    if number < MIN_ROWS:
        raise argparse.ArgumentTypeError(f"{number} rows; a night needs at least {MIN_ROWS} to hold its planted faults")
    return number


if __name__ == "__main__":
    raise SystemExit(main())
