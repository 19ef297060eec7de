"""The README is a test: its commands run as they stand, its files and links exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.reliability.processes import Nursery
from tests.road_data import write_project, write_rows

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md"))]
OWN_DATA = README.partition("## Your own data")[2].partition("```console\n")[2].partition("```")[0]
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def run(line: str, folder: Path, nursery: Nursery) -> str:
    words = shlex.split(line, comments=True)
    assert words[0] == ".venv/bin/seqcls"
    done = nursery.run(*words[1:], folder=folder)
    assert done.status == 0, f"{line}: {done.text}"
    return done.text


@pytest.mark.slow
def test_the_commands_for_own_data_run_in_their_order(tmp_path: Path, nursery: Nursery) -> None:
    install, init, edit, check, train, score = OWN_DATA.strip().splitlines()
    assert install.startswith("make install ")
    run(init, tmp_path, nursery)
    assert (tmp_path / "my.toml").is_file()
    assert edit.startswith("$EDITOR my.toml")
    write_project(tmp_path).replace(tmp_path / "my.toml")  # what a person does in the editor
    write_rows(tmp_path / "incoming" / "night.csv", 30, seed=1, labelled=False)
    assert "242 rows" in run(check, tmp_path, nursery)
    assert "pairs@v1" in run(train, tmp_path, nursery)
    assert "30" in run(score, tmp_path, nursery)
    assert len(list((tmp_path / "scores").rglob("part-*.parquet"))) >= 1


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = {((ROOT / page).parent / link).resolve() for link in LINK.findall(text) if "://" not in link}
    broken = {link.relative_to(ROOT).as_posix() for link in links if not link.exists()}
    assert not broken


def test_the_table_of_stages_names_places_that_exist() -> None:
    page = (ROOT / "docs" / "reference" / "architecture.md").read_text(encoding="utf-8")
    stages = page.partition("| stage | code | makes |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(stages) == 8
    for stage in stages:
        for place in re.findall(r"`([^`]+)`", stage.split("|")[2]):
            assert (ROOT / place).exists() or (ROOT / "seqcls" / place).exists(), place
