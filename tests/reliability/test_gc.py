"""gc deletes what nothing needs, and nothing else: random ledgers over real artefacts, then the real road."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from seqcls.ledger.chunks import ChunkResult, claim_chunk, close_input, commit_chunk, open_input, see_input
from seqcls.ledger.models import add_model, get_alias, list_models, set_alias
from seqcls.ledger.references import find_references
from seqcls.maintenance.gc import collect_garbage, find_reachable
from seqcls.registry.versions import CHAMPION
from seqcls.store.artefacts import Ref, verify
from seqcls.table import ScoreCounts
from seqcls.workspace import Workspace, open_workspace
from tests.reliability.invariants import Books, count_final
from tests.reliability.processes import Nursery
from tests.road_data import write_project, write_rows


def make(workspace: Workspace, kind: str, text: str, inputs: dict[str, str] | None = None) -> Ref:
    with workspace.store.write(kind) as draft:
        (draft.folder / "content.txt").write_text(text)
        draft.inputs |= inputs or {}
    return draft.ref


def make_versions(workspace: Workspace, rng: random.Random) -> None:
    """Versions over shared and own data, artefacts of trainings that never ended, a champion that moved about."""
    for number in range(rng.randint(1, 6)):
        data = rng.randint(0, 2)
        table = make(workspace, "table", f"table {data}", {"data/train.csv": "f" * 64})
        checked = make(workspace, "checked", f"checked {data}", {"table": table.digest})
        splits = make(workspace, "splits", f"splits {data}", {"checked": checked.digest})
        encoded = make(workspace, "encoded", f"encoded {data}", {"checked": checked.digest, "splits": splits.digest})
        model = make(workspace, "model", f"model {number}", {"encoded": encoded.digest})
        if rng.random() < 0.2:
            continue
        inputs = {"table": table, "checked": checked, "splits": splits, "encoded": encoded}
        digests = {name: ref.digest for name, ref in inputs.items()}
        evaluation = make(workspace, "evaluation", f"evaluation {number}", {**digests, "model": model.digest})
        add_model(workspace.ledger, "pairs", model.digest, evaluation.digest, digests, {}, "run")
    versions = list_models(workspace.ledger)
    for _ in range(rng.randint(0, 3) if versions else 0):
        version = rng.choice(versions).version
        set_alias(workspace.ledger, "pairs", CHAMPION, get_alias(workspace.ledger, "pairs", CHAMPION), version, "", "")


def make_inputs(workspace: Workspace, rng: random.Random) -> set[str]:
    """Nights that are scored, scored in part, or only checked; returns digests of data that must stay."""
    must_stay = set()
    versions = list_models(workspace.ledger)
    for number in range(rng.randint(0, 4)):
        digest = f"{number:064x}"
        table = make(workspace, "table", f"night {number}", {"incoming/n.csv": digest})
        checked = make(workspace, "checked", f"night {number}", {"table": table.digest})
        see_input(workspace.ledger, "pairs", digest, "incoming/n.csv")
        open_input(workspace.ledger, "pairs", digest, checked.digest, 10)
        for chunk in range(rng.randint(0, 2) if versions else 0):
            version = rng.choice(versions)
            made_of = {"file": digest, "model": version.model_digest, "checked": checked.digest}
            scores = make(workspace, "scores", f"{number} {chunk}", made_of)
            claim = claim_chunk(workspace.ledger, "pairs", digest, chunk, "me:1:1", 9.0, lambda _owner: False)
            assert claim is not None
            result = ChunkResult(version.version, scores.digest, ScoreCounts(1, 1), "run", "place")
            assert commit_chunk(workspace.ledger, claim, result)
            make(workspace, "scores", f"{number} {chunk}, never committed", made_of)
        if rng.random() < 0.5:
            close_input(workspace.ledger, "pairs", digest, "done", rows_in=1)
        else:
            must_stay |= {table.digest, checked.digest}
    return must_stay


@pytest.mark.parametrize("seed", range(30))
def test_what_is_needed_stays_whole_and_the_rest_goes(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    config = write_project(tmp_path, rows=1)
    with open_workspace(config) as workspace:
        make_versions(workspace, rng)
        must_stay = make_inputs(workspace, rng)
    with open_workspace(config) as workspace:  # what a run that lives has made would stay
        keep = rng.choice([None, 1, 2, 3])
        newest = [version.version for version in list_models(workspace.ledger)][-keep if keep else None :]
        needed = find_reachable(workspace.store, find_references(workspace.ledger, keep).named)
        dry = collect_garbage(workspace, keep=keep, age_seconds=0.0, dry_run=True)
        everything = {(ref.kind, ref.digest) for ref in workspace.store.all()}
        assert {(item.ref.kind, item.ref.digest) for item in dry.garbage} == everything - needed
        real = collect_garbage(workspace, keep=keep, age_seconds=0.0)
        assert real.garbage == dry.garbage
        left = {(ref.kind, ref.digest) for ref in workspace.store.all()}
        assert left == needed
        assert must_stay <= {digest for _kind, digest in left}
        for ref in workspace.store.all():
            verify(ref)
        versions = list_models(workspace.ledger)
        for version in versions:
            for kind, digest in {**version.inputs, "model": version.model_digest}.items():
                verify(workspace.store.ref(kind, digest))
        assert {*newest} <= {version.version for version in versions}
        champion = get_alias(workspace.ledger, "pairs", CHAMPION).version
        assert champion is None or champion in [version.version for version in versions]
        assert not collect_garbage(workspace, keep=keep, age_seconds=0.0).garbage


def test_what_is_young_stays(tmp_path: Path) -> None:
    with open_workspace(write_project(tmp_path, rows=1)) as workspace:
        ref = make(workspace, "table", "of a run that is at work")
        result = collect_garbage(workspace)
        assert (len(result.garbage), result.too_young) == (0, 1)
        verify(ref)


def test_after_gc_rollback_scoring_lineage_and_doctor_work(
    scored: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(scored)
    text = config.read_text()
    for version, epochs in ((2, 2), (3, 1)):
        config.write_text(text.replace("epochs = 3", f"epochs = {epochs}"))
        assert nursery.run("train", config).status == 0
        if version == 2:
            assert nursery.run("promote", config, "--version", "2", "--force", "--why", "test").status == 0
    size = sum(path.stat().st_size for path in (config.parent / "store").rglob("*") if path.is_file())
    dry = nursery.run("gc", config, "--keep", "1", "--age", "0", "--dry-run")
    assert "would go" in dry.text
    done = nursery.run("gc", config, "--keep", "1", "--age", "0")
    assert done.status == 0, done.text
    assert "deleted" in done.text
    assert sum(path.stat().st_size for path in (config.parent / "store").rglob("*") if path.is_file()) < size
    back = nursery.run("rollback", config)
    assert "is now pairs@v1" in back.text
    write_rows(config.parent / "incoming" / "second.csv", 30, seed=2, labelled=False)
    for command in (("score", config), ("lineage", config, "night-3"), ("train", config), ("doctor", config)):
        answer = nursery.run(*command)
        assert answer.status == 0, answer.text
    assert count_final(config) == Books()


def test_old_versions_go_when_asked(scored: Path, nursery: Nursery, copy: Callable[[Path], Path]) -> None:
    config = copy(scored)
    config.write_text(config.read_text() + "\n[promote]\nautomatic = false\n")
    text = config.read_text()
    for epochs in (1, 2):
        config.write_text(text.replace("epochs = 3", f"epochs = {epochs}"))
        assert nursery.run("train", config).status == 0
    done = nursery.run("gc", config, "--keep", "1", "--age", "0")
    assert "pairs@v2: not among the newest 1" in done.text
    with open_workspace(config) as workspace:
        assert [version.version for version in list_models(workspace.ledger)] == [1, 3]
    assert nursery.run("doctor", config).status == 0
