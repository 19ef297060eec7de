"""The versions that `seqcls doctor` compares."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from seqcls.maintenance import prefect_server
from seqcls.maintenance.doctor import CONSEQUENCES, check_version, check_versions
from tests.conftest import ROOT


def test_the_installed_packages_are_inside_the_ranges_that_seqcls_declares() -> None:
    findings = check_versions()
    assert {finding.what for finding in findings} == set(CONSEQUENCES)
    assert all(finding.healthy for finding in findings), findings


def test_the_ranges_are_those_of_the_installed_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "seqcls-9.dist-info"
    folder.mkdir()
    head = "Metadata-Version: 2.1\nName: seqcls\nVersion: 9\n"
    (folder / "METADATA").write_text(head + "Requires-Dist: torch<9999,>=999\nRequires-Dist: Great_Expectations>=0.1\n")
    monkeypatch.syspath_prepend(tmp_path)
    torch, expectations = sorted(check_versions(), key=lambda finding: finding.healthy)
    assert expectations.healthy
    assert torch.found.startswith(f"{version('torch')} (allowed <9999,>=999; ")
    assert torch.remedy == "pip install 'torch<9999,>=999'"


@pytest.mark.parametrize(
    ("installed", "declared", "healthy"),
    [
        ("2.13.0+cpu", ">=2.10,<3", True),
        ("2.9.1", ">=2.10", False),
        ("3.10.0rc1", ">=3.8.8,<3.11", True),
        ("0.151.0", ">=0.139,<0.151", False),
    ],
)
def test_versions_are_compared_as_pip_compares_them(
    installed: str, declared: str, healthy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.metadata.version", {"torch": installed}.__getitem__)
    assert check_version(Requirement(f"torch{declared}")).healthy == healthy


def test_a_package_that_is_missing_is_named_with_what_installs_it() -> None:
    finding = check_version(Requirement("no-such-package-of-seqcls>=1"))
    assert not finding.healthy
    assert finding.found == "not installed, expected >=1"
    assert finding.remedy == "pip install 'no-such-package-of-seqcls>=1'"


def test_the_server_of_make_is_looked_for_in_the_checkout() -> None:
    assert prefect_server.CHECKOUT == ROOT
