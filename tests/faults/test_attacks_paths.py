"""Names, links, addresses and archives that lead elsewhere: nothing is read over the network or written outside."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import sqlite3
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from seqcls.config import load_pipeline
from seqcls.errors import CheckBroken, ConfigRefused, Corrupted
from seqcls.store.artefacts import ArtefactStore, Ref, write_json
from seqcls.store.artefacts import verify as verify_artefact
from seqcls.store.manifest import _manifest_digest
from tests.faults.failing_calls import add_night
from tests.reliability.invariants import Books, count_final
from tests.reliability.processes import Nursery

TOML = 'name = "a"\nkind = "text"\n[model]\nfamily = "cnn"\n[source]\nformat = "csv"\nfiles = ["a.csv"]\n'


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigRefused) as caught:
        load_pipeline(path)
    return str(caught.value)


@pytest.mark.fault(
    "A05",
    tried="names of pipelines that are paths, hidden, percent-encoded, with a NUL, 300 letters long",
    outcome="refused: lower-case letters, digits and hyphens only",
)
@pytest.mark.parametrize(
    "name", ["../up", "/etc", "a/b", ".hidden", "%2e%2e", "a\\u0000", "x" * 300, "A", "", "a b", "a\\n", "é", "-rf"]
)
def test_a_name_that_is_a_path_is_refused(name: str, tmp_path: Path) -> None:
    assert "name: " in refusal(tmp_path, TOML.replace('"a"', f'"{name}"', 1))


@pytest.mark.fault(
    "A05",
    tried="a NUL in a store, an output folder, a pipeline file's name; a file name of 300 letters",
    outcome="refused in one message, exit code 2",
)
def test_a_nul_or_an_endless_name_is_refused(tmp_path: Path, nursery: Nursery) -> None:
    assert "no NUL in them" in refusal(tmp_path, 'store = "a\\u0000b"\n' + TOML)
    assert "no NUL in them" in refusal(tmp_path, TOML + '[score]\noutput = "a\\u0000b"\n')
    with pytest.raises(ConfigRefused, match="a NUL in the name of the file"):
        load_pipeline(str(tmp_path / "a\0b.toml"))
    done = nursery.run("train", tmp_path / ("x" * 300 + ".toml"))
    assert done.status == 2, done.text
    assert "File name too long" in done.text
    assert "Traceback" not in done.text
    path = tmp_path / "long.toml"
    path.write_text(TOML.replace("a.csv", "x" * 190 + "/" + "y" * 5))
    done = nursery.run("check", path)
    assert done.status == 3, done.text
    assert "no file matches" in done.text


ODD_NAMES = [
    "a..%2f..%2fetc%2fpasswd.csv", "%2e%2e.csv", "two\nlines.csv", "-rf.csv", "$(touch canary).csv",
    "`touch canary`.csv", "; touch canary.csv", "é" * 120 + ".csv", "<b>.csv", "a b\t.csv", "'.csv",
    '".csv', "*.csv", "[red].csv",
]  # fmt: skip


@pytest.mark.fault(
    "A05",
    tried="new data in files with odd names: percent-encoded paths, line breaks, commands, 240 bytes, wildcards",
    outcome="they are names: every row is scored once, nothing is run, nothing is written elsewhere",
)
def test_files_with_odd_names_are_files(trained: Path, nursery: Nursery, copy: Callable[[Path], Path]) -> None:
    config = copy(trained)
    for number, name in enumerate(ODD_NAMES):
        (config.parent / "incoming" / name).write_text(f"id,sequence\nodd-{number},w1 first w2 second\n")
    outside = sorted(path for path in config.parents[1].iterdir())
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert count_final(config) == Books()
    assert sorted(path for path in config.parents[1].iterdir()) == outside
    assert not list(config.parent.rglob("canary"))


@pytest.mark.fault(
    "A05",
    tried="links where scores are published, and a ledger whose places lead out of the output folder",
    outcome="refused, exit code 5, naming the place; what stands outside stays; without the link the run completes",
)
@pytest.mark.parametrize("how", ["link", "dots", "absolute"])
def test_scores_are_never_written_outside_of_the_output_folder(
    how: str, trained: Path, nursery: Nursery, copy: Callable[[Path], Path], tmp_path: Path
) -> None:
    config = copy(trained)
    outside = tmp_path / "outside"
    outside.mkdir()
    if how == "link":
        (config.parent / "scores").mkdir()
        (config.parent / "scores" / "model=v1").symlink_to(outside)
        refused = nursery.run("score", config)
    else:
        assert nursery.run("score", config, failpoint="chunk_committed=kill").status == -9
        place = "../../outside/a.parquet" if how == "dots" else str(outside / "a.parquet")
        with closing(sqlite3.connect(config.parent / "store" / "ledger.db")) as ledger, ledger:
            ledger.execute("UPDATE chunks SET published_as = ? WHERE state = 'done'", [place])
        refused = nursery.run("score", config)
    assert refused.status == 5, refused.text
    assert "a score file would come to stand outside of the output folder" in refused.text
    assert not list(outside.iterdir())
    if how == "link":
        (config.parent / "scores" / "model=v1").unlink()
        assert nursery.run("score", config).status == 0
        assert count_final(config) == Books()


@pytest.mark.fault(
    "A05",
    tried="an artefact whose manifest names files elsewhere (dots, absolute, through a link), and one with a link",
    outcome="refused: as corrupted, or as a bug where we would write it ourselves; the file elsewhere is no part of it",
)
@pytest.mark.parametrize("how", ["dots", "absolute", "link"])
def test_a_manifest_that_names_files_elsewhere_is_refused(how: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    store = ArtefactStore(tmp_path / "store")
    with store.write("table") as draft:
        (draft.folder / "secret.txt").write_text("secret")
    manifest = json.loads((draft.ref.folder / "manifest.json").read_text())
    facts = manifest["files"].pop("secret.txt")
    (draft.ref.folder / "secret.txt").unlink()
    name = {"dots": "../../../../secret.txt", "absolute": str(secret), "link": "secret.txt"}[how]
    if how == "link":
        (draft.ref.folder / "secret.txt").symlink_to(secret)
    manifest["files"][name] = facts
    write_json(draft.ref.folder / "manifest.json", manifest)
    forged = Ref(kind="table", digest=_manifest_digest(manifest), path=draft.ref.path)
    with pytest.raises(Corrupted, match="a manifest that names a file elsewhere"):
        verify_artefact(forged)
    with pytest.raises(CheckBroken, match="a link inside an artefact"), store.write("table") as draft:
        (draft.folder / "link").symlink_to(secret)


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    """A port on loopback, and what asked there."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        ended = threading.Event()

        def listen() -> None:
            while not ended.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                asked.append("asked")
                connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], asked
        ended.set()
        thread.join()


URLS = ["http://127.0.0.1:{port}/a.csv", "https://127.0.0.1:{port}/a.csv", "file:///etc/passwd", "s3://bucket/a.csv",
        "simplecache::http://127.0.0.1:{port}/a.csv", "github://a:b@/c.csv", "HTTP://127.0.0.1:{port}/a.csv",
        "ftp://127.0.0.1:{port}/a", "jdbc:odbc::a", "memory://a"]  # fmt: skip


@pytest.mark.fault(
    "A06",
    tried="addresses instead of files: http, file, s3, github, simplecache::, in [source], [score] and as folders",
    outcome="refused before anything is read: files are local; nobody is asked on the network",
)
@pytest.mark.parametrize("url", URLS)
def test_an_address_is_no_file(url: str, tmp_path: Path, listener: tuple[int, list[str]]) -> None:
    port, asked = listener
    address = url.format(port=port)
    for text in (
        TOML.replace("a.csv", address),
        TOML.replace("files", "train").replace("a.csv", address),
        TOML + f'[score]\nfiles = ["{address}"]\n',
        TOML + f'[score]\noutput = "{address}"\n',
        f'store = "{address}"\n' + TOML,
    ):
        assert "is an address; only local files and folders are read and written" in refusal(tmp_path, text)
    assert asked == []


@pytest.mark.fault(
    "A06",
    tried="a database address of an unknown kind in the environment (mysql, mssql, http, a driver that is no database)",
    outcome="refused by its kind; no driver is loaded, nobody is asked",
)
@pytest.mark.parametrize("url", ["mysql://127.0.0.1:{port}/a", "http://127.0.0.1:{port}/a", "sqlite+aiosqlite:///a.db"])
def test_an_unknown_database_is_refused_by_its_kind(
    url: str, tmp_path: Path, listener: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqcls.ledger import open_database
    from seqcls.sources.discover import find_files

    port, asked = listener
    monkeypatch.setenv("DATA_URL", url.format(port=port))
    path = tmp_path / "a.toml"
    path.write_text(
        'name = "a"\nkind = "text"\nmodel.family = "cnn"\n[source]\nformat = "sql"\nurl_env = "DATA_URL"\ntable = "a"\n'
    )
    with pytest.raises(ConfigRefused, match=r"in \$DATA_URL"):
        find_files(load_pipeline(path).pipeline.source, tmp_path)
    with pytest.raises(ConfigRefused, match="is not supported"):
        open_database(tmp_path, "DATA_URL")
    assert asked == []


def zip_slip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../canary.csv", "id,sequence\n1,w1\n")


def tar_slip(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("../../canary.csv")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"a,b\n"))


def tar_slip_gz(path: Path) -> None:
    tar_slip(path)
    data = path.read_bytes()
    path.unlink()
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(data))


def gzip_bomb(path: Path) -> None:
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(b"id,sequence\n" + b"1,w1 w2\n" * 2_000_000))


@pytest.mark.fault(
    "A05",
    tried="archives among the new data: zip and tar with members that climb out, a gzip file of 16 MB over "
    "a limit of 1 MB",
    outcome="each refused by name, exit code 3; nothing is unpacked; the other files are scored",
)
@pytest.mark.parametrize("write", [zip_slip, tar_slip, tar_slip_gz, gzip_bomb])
def test_archives_are_refused_and_the_rest_is_scored(
    write: Callable[[Path], None], trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    config.write_text(config.read_text().replace('id = "id"', 'id = "id"\nmax_file_bytes = 1000000').replace(
        "incoming/*.csv", "incoming/*"))  # fmt: skip
    write(config.parent / "incoming" / "archive.csv")
    done = nursery.run("score", config)
    assert done.status == 3, done.text
    assert "1 file refused" in done.text
    assert "archive.csv" in done.text
    assert not list(config.parents[1].rglob("canary*"))
    for path in (config.parent / "incoming").glob("archive*"):
        path.unlink()
    assert count_final(config) == Books()


@pytest.mark.fault(
    "A05",
    tried="links among the new data: to a device, to nowhere, a named pipe, and to a file of another format",
    outcome="refused in one message; nothing hangs, nothing of the file becomes a score",
)
@pytest.mark.parametrize("target", ["/dev/zero", "nowhere", "pipe", "/etc/passwd"])
def test_a_link_to_something_else_is_refused(
    target: str, trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    add_night(config)
    path = config.parent / "incoming" / "link.csv"
    if target == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(target)
    refused = nursery.start("score", config)
    assert refused.wait(60) == 3, refused.text
    assert "link.csv" in refused.text
    assert "Traceback" not in refused.text
    path.unlink()
    assert nursery.run("score", config).status == 0
    assert count_final(config) == Books()
