"""A model family of another package: built as a wheel, installed, trained, scored, and missed when it is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqcls.config import families
from seqcls.config.loading import parse_pipeline
from seqcls.config.model import find_family
from seqcls.errors import ConfigRefused
from tests.recipes import ROOT, recipe
from tests.reliability.processes import Nursery
from tests.road_data import write_project, write_rows

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "seqcls-rcnn"
version = "0.3.1"
[project.entry-points."seqcls.families"]
rcnn = "seqcls_rcnn:RcnnModel"
[tool.setuptools]
py-modules = ["seqcls_rcnn"]
"""
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages with the family of CONTRIBUTING's recipe, from a wheel."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "seqcls_rcnn.py").write_text(recipe("A model family")[0].code)
    (folder / "pyproject.toml").write_text(PROJECT)
    subprocess.run([*PIP, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", folder, folder], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*PIP, "install", "--no-deps", "--no-index", "--target", folder / "site", wheel], check=True)
    return folder / "site"


@pytest.mark.slow
def test_it_passes_the_tests_of_every_family(site: Path) -> None:
    """With the package seen, which the processes of the other tests do not see."""
    options = ("-p", "no:cacheprovider", "-p", "no:xdist", "-vv", "-k", "rcnn and not memorises")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests/seqcls/test_models.py"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "test_every_network_is_finite_and_a_gradient_reaches_every_weight[rcnn-attention] PASSED" in done.stdout


@pytest.mark.slow
def test_it_is_trained_promoted_scored_and_missed_once_it_is_gone(site: Path, tmp_path: Path, nursery: Nursery) -> None:
    config = write_project(tmp_path, family="rcnn")
    write_rows(tmp_path / "incoming" / "night.csv", 30, seed=7, labelled=False)
    predict = ("predict", config, "first w1 w2 second", "--json")
    with Nursery(tmp_path / "nursery", {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}) as with_package:
        for command in ("train", "score"):
            done = with_package.run(command, config)
            assert done.status == 0, done.text
        answer = with_package.run(*predict)
        assert json.loads(answer.text.splitlines()[-1])["label"] in ("yes", "no")
    (model,) = (tmp_path / "store" / "artefacts" / "model").glob("*/model.json")
    facts = json.loads(model.read_bytes())
    assert (facts["model"]["family"], facts["package"], facts["package_version"]) == ("rcnn", "seqcls-rcnn", "0.3.1")
    assert list((tmp_path / "scores").rglob("*.parquet"))

    gone = nursery.run("score", config)
    assert gone.status != 0
    assert "'rcnn' is not known" in gone.text
    assert "pip install seqcls-rcnn==0.3.1" in gone.text
    config.write_text(config.read_text().replace('"rcnn"', '"gru"'))  # now the champion alone needs the package
    gone = nursery.run(*predict)
    assert gone.status != 0
    assert "the model was trained with seqcls-rcnn 0.3.1" in gone.text
    assert "pip install seqcls-rcnn==0.3.1" in gone.text


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Entry points of a package, as its installation leaves them."""

    def add(name: str, *lines: str) -> None:
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text("\n".join(["[seqcls.families]", *lines]))
        forget()

    monkeypatch.syspath_prepend(tmp_path)
    yield add
    monkeypatch.undo()
    forget()


def forget() -> None:
    """What was read of the installed packages is read again."""
    families.installed.cache_clear()
    families.find_entry.cache_clear()


def family_of(name: str) -> object:
    source = {"format": "csv", "files": ["rows.csv"]}
    return parse_pipeline({"name": "example", "kind": "text", "source": source, "model": {"family": name}}, "x.toml")


def test_the_name_of_a_built_in_family_is_refused_for_another_class(register) -> None:  # type: ignore[no-untyped-def]
    register("seqcls-other", "cnn = other:Other")
    with pytest.raises(ConfigRefused, match=r'"cnn" is registered by seqcls and by seqcls-other 1\.0') as caught:
        family_of("cnn")
    assert "pip uninstall seqcls-other" in str(caught.value)
    assert find_family("gru").trained == "epochs", "other names are not affected"


def test_two_packages_with_one_name_are_refused(register) -> None:  # type: ignore[no-untyped-def]
    register("seqcls-one", "mine = one:One")
    register("seqcls-two", "mine = two:Two")
    with pytest.raises(ConfigRefused, match=r'"mine" is registered by seqcls-one 1\.0 and by seqcls-two 1\.0'):
        family_of("mine")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("seqcls_no_such_module:Model", r"cannot be imported \(ModuleNotFoundError: No module named"),
        ("collections:OrderedDict", r"is no subclass of seqcls\.config\.model\.Family"),
    ],
)
def test_a_class_that_cannot_serve_is_named_with_its_package(target: str, why: str, register) -> None:  # type: ignore[no-untyped-def]
    register("seqcls-broken", f"mine = {target}")
    with pytest.raises(ConfigRefused, match=f'"mine" of seqcls-broken 1.0: {target} {why}'):
        family_of("mine")
