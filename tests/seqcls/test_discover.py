"""Patterns -> files: sorted, complete, with digests and names that stay the same."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused
from seqcls.sources.discover import find_files, source_files


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def names(folder: Path, *patterns: str) -> list[str]:
    return [file.name for file in find_files(SourceConfig(format="csv", files=list(patterns)), folder)]


def test_names_folders_and_globs_are_found_once_and_sorted(tmp_path: Path) -> None:
    make(tmp_path, "b.csv", "a.csv", "in/2.csv", "in/deep/1.csv", "other/x.txt")
    assert names(tmp_path, "b.csv", "*.csv", "in") == ["a.csv", "b.csv", "in/2.csv", "in/deep/1.csv"]
    assert names(tmp_path, "**/*.csv") == ["a.csv", "b.csv", "in/2.csv", "in/deep/1.csv"]
    assert names(tmp_path, "in/*") == ["in/2.csv", "in/deep/1.csv"]


def test_hidden_and_unfinished_files_are_left_out_unless_named(tmp_path: Path) -> None:
    make(
        tmp_path,
        "in/a.csv",
        "in/.hidden.csv",
        "in/b.csv.part",
        "in/c.tmp",
        "in/.git/d.csv",
        "in/Thumbs.db",
        "in/desktop.ini",
    )
    assert names(tmp_path, "in") == names(tmp_path, "in/*") == ["in/a.csv"]
    assert names(tmp_path, "in/.hidden.csv", "in/Thumbs.db") == ["in/.hidden.csv", "in/Thumbs.db"]


def test_a_file_whose_name_looks_like_a_glob_is_itself(tmp_path: Path) -> None:
    make(tmp_path, "a[1].csv", "a1.csv")
    assert names(tmp_path, "a[1].csv") == ["a[1].csv"]


def test_digest_and_size_are_those_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 5_000_000)
    (file,) = find_files(SourceConfig(format="csv", files=["a.csv"]), tmp_path)
    assert (file.digest, file.size) == (hashlib.sha256(b"x" * 5_000_000).hexdigest(), 5_000_000)


def test_files_of_one_name_outside_the_folder_are_told_apart(tmp_path: Path) -> None:
    make(tmp_path, "x/data.csv", "y/data.csv", "z/other.csv", "config/data.csv")
    found = names(tmp_path / "config", "../x/data.csv", str(tmp_path / "y/data.csv"), "../z/*.csv", "data.csv")
    assert found == ["data.csv", "other.csv", "x/data.csv", "y/data.csv"]


def test_given_splits_are_set_and_kept_apart(tmp_path: Path) -> None:
    make(tmp_path, "train/a.csv", "test.csv")
    files = source_files(SourceConfig(format="csv", train=["train"], test=["test.csv"]), tmp_path)
    assert [(file.name, file.split) for file in files] == [("train/a.csv", "train"), ("test.csv", "test")]
    with pytest.raises(DataRefused, match=r"train/a.csv: the file is named for train and for test"):
        source_files(SourceConfig(format="csv", train=["train"], test=["train/*.csv"]), tmp_path)


def test_no_match_names_the_nearest(tmp_path: Path) -> None:
    make(tmp_path, "reviews.csv", "deep/a.csv")
    for pattern, near in (("review.csv", "reviews.csv"), ("reviews/*.csv", "reviews.csv"), ("deep/b/c.csv", "a.csv")):
        with pytest.raises(
            DataRefused, match=rf"no file matches '{pattern.replace('*', '.')}'.*{near}".replace("/", "/")
        ):
            names(tmp_path, pattern)


def test_an_empty_folder_is_no_match(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(DataRefused, match="the folder holds no files"):
        names(tmp_path, "in")


def test_links_are_followed_to_plain_files_only(tmp_path: Path) -> None:
    make(tmp_path, "store/a.csv")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link.csv").symlink_to(tmp_path / "store/a.csv")
    assert names(tmp_path, "in") == ["in/link.csv"]
    (tmp_path / "in/broken.csv").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataRefused, match="cannot be accessed"):
        names(tmp_path, "in")
    (tmp_path / "in/broken.csv").unlink()
    os.mkfifo(tmp_path / "in/pipe.csv")
    with pytest.raises(DataRefused, match="not a regular file"):
        names(tmp_path, "in")
    (tmp_path / "in/pipe.csv").unlink()
    (tmp_path / "in/device.csv").symlink_to("/dev/zero")
    with pytest.raises(DataRefused, match="not a regular file"):
        names(tmp_path, "in")


def test_the_digest_of_a_text_file_covers_its_parallel_label_file(tmp_path: Path) -> None:
    make(tmp_path, "text.txt", "labels.txt")
    source = SourceConfig(format="lines", files=["text.txt"], label_files=["labels.txt"])
    before = find_files(source, tmp_path)[0].digest
    (tmp_path / "labels.txt").write_text("other")
    assert find_files(source, tmp_path)[0].digest != before
    with pytest.raises(DataRefused, match="2 label files for 1 text files"):
        find_files(SourceConfig(format="lines", files=["text.txt"], label_files=["*.txt"]), tmp_path)
