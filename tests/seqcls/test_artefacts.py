"""An artefact is complete under the digest of its content, or it is not there."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from seqcls.errors import CheckBroken, Corrupted, WorldFailed
from seqcls.store.artefacts import MANIFEST, ArtefactStore, Ref, read_manifest, verify
from seqcls.store.manifest import WORTH_A_THREAD, file_digest
from seqcls.store.temporary import temporary_name


def make(store: ArtefactStore, text: str = "hello") -> Ref:
    with store.write("table") as draft:
        (draft.folder / "rows").mkdir()
        (draft.folder / "rows" / "a.txt").write_text(text)
        draft.meta["rows_in"] = 3
        draft.inputs["file"] = "abc"
    return draft.ref


def test_what_was_written_is_there_and_verified(tmp_path: Path) -> None:
    ref = make(ArtefactStore(tmp_path))
    manifest = verify(ref)
    assert (ref.folder / "rows" / "a.txt").read_text() == "hello"
    assert manifest["meta"] == {"rows_in": 3}
    assert manifest["inputs"] == {"file": "abc"}


def test_equal_content_has_equal_names(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    assert make(store) == make(store)
    assert make(store, "other").digest != make(store).digest
    assert make(ArtefactStore(tmp_path / "elsewhere")).digest == make(store).digest


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)

    def interrupted() -> None:
        with store.write("table") as draft:
            (draft.folder / "a.txt").write_text("half")
            raise ValueError("bad row")

    with pytest.raises(ValueError, match="bad row"):
        interrupted()
    assert list((tmp_path / "artefacts" / "table").iterdir()) == []


def test_a_failing_disk_is_worth_another_try_and_says_so(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    with pytest.raises(WorldFailed, match=r"No space left.*run the same command again") as caught, store.write("table"):
        raise OSError(28, "No space left on device", "part.parquet")
    assert caught.value.retryable


@pytest.mark.parametrize("name", ["rows/a.txt", MANIFEST])
def test_each_flipped_bit_is_found_and_its_file_named(tmp_path: Path, name: str) -> None:
    ref = make(ArtefactStore(tmp_path))
    whole = (ref.folder / name).read_bytes()
    for position in range(0, len(whole) * 8, 7):
        damaged = bytearray(whole)
        damaged[position // 8] ^= 1 << (position % 8)
        (ref.folder / name).write_bytes(damaged)
        with pytest.raises(Corrupted) as caught:
            verify(ref)
        assert str(ref.folder) in str(caught.value)
        assert not caught.value.retryable
    (ref.folder / name).write_bytes(whole)
    verify(ref)


def test_large_files_are_hashed_two_at_a_time_and_each_has_its_own_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=10)  # passed only by two at once

    def digest(path: Path) -> str:
        if path.name.startswith("large"):
            both.wait()
        return file_digest(path)

    monkeypatch.setattr("seqcls.store.manifest.file_digest", digest)
    contents = {f"large-{number}": bytes([number]) * (WORTH_A_THREAD // 3) for number in range(4)} | {"small": b"one"}
    with ArtefactStore(tmp_path).write("table") as draft:
        for name, content in contents.items():
            (draft.folder / name).write_bytes(content)
    manifest = verify(draft.ref)
    assert {name: facts["sha256"] for name, facts in manifest["files"].items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
    }
    with (draft.ref.folder / "large-2").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"x")
    with pytest.raises(Corrupted, match="large-2: SHA-256 is"):
        verify(draft.ref)


def test_a_missing_file_and_a_missing_manifest_are_found(tmp_path: Path) -> None:
    ref = make(ArtefactStore(tmp_path))
    (ref.folder / "rows" / "a.txt").unlink()
    with pytest.raises(Corrupted, match="no file"):
        verify(ref)
    (ref.folder / MANIFEST).unlink()
    with pytest.raises(Corrupted, match="no manifest"):
        read_manifest(ref)
    assert ArtefactStore(tmp_path).find("table", ref.digest) is None


def test_a_link_does_not_become_an_artefact(tmp_path: Path) -> None:
    with pytest.raises(CheckBroken, match="a link inside"), ArtefactStore(tmp_path).write("table") as draft:
        (draft.folder / "passwd").symlink_to("/etc/passwd")


def test_a_damaged_artefact_is_set_aside_and_made_again(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    ref = make(store)
    (ref.folder / "rows" / "a.txt").write_text("hellO")
    kept = store.set_aside(ref)
    assert (kept / "rows" / "a.txt").read_text() == "hellO"
    verify(make(store))


def test_stale_temporary_folders_go_and_fresh_ones_stay(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    ref = make(store)
    for name, age in ((".tmp-old", 2 * 24 * 3600), (".tmp-new", 0)):
        folder = ref.folder.parent / name
        folder.mkdir()
        past = folder.stat().st_mtime - age
        os.utime(folder, (past, past))
    assert store.remove_stale() == 1
    assert sorted(path.name for path in ref.folder.parent.iterdir()) == sorted([".tmp-new", ref.digest])


def test_what_a_dead_process_left_goes_at_once_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    ref = make(store)
    for name in (f".tmp-{socket.gethostname()}~1~0~dead", temporary_name(), ".tmp-elsewhere~1~0~unknown"):
        (ref.folder.parent / name).mkdir()
    assert store.remove_stale() == 1
    assert not list(ref.folder.parent.glob("*dead"))


def test_an_artefact_whose_bytes_changed_is_replaced_when_it_is_made_again(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    (make(store).folder / "rows" / "a.txt").write_text("hellO")
    verify(make(store))
    assert len(list((tmp_path / "damaged").iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize("point", ["artefact_written", "artefact_published"])
def test_killed_at_a_failpoint_the_artefact_is_complete_or_absent(tmp_path: Path, point: str) -> None:
    script = textwrap.dedent(f"""
        from pathlib import Path
        from seqcls.store.artefacts import ArtefactStore
        with ArtefactStore(Path({str(tmp_path)!r})).write("table") as draft:
            (draft.folder / "a.txt").write_text("x" * 100_000)
    """)
    environment = {**os.environ, "SEQCLS_FAILPOINT": f"{point}=kill"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, timeout=60)
    assert done.returncode == -9
    found = [path for path in (tmp_path / "artefacts" / "table").iterdir() if not path.name.startswith(".")]
    assert len(found) == (1 if point == "artefact_published" else 0)
    for path in found:
        verify(Ref(kind="table", digest=path.name, path=str(path)))
