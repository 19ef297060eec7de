"""Reading and encoding ahead: one chunk and never two, faults at their turn, no thread left, no claim too early."""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.config.encode import ResidueEncode
from seqcls.encoders import Encoder
from seqcls.encoders.base import Encoded
from seqcls.errors import Corrupted, DataRefused, WorldFailed
from seqcls.ledger.chunks import ChunkResult, Claim, claim_chunk, commit_chunk, done_chunks
from seqcls.ledger.database import Database
from seqcls.parquet import read_parquet, shards
from seqcls.road import score_pipeline
from seqcls.scorer import Scorer
from seqcls.scoring.ahead import ChunksAhead, Numbered
from seqcls.scoring.chunks import cut_chunks
from seqcls.workspace import open_workspace
from tests.seqcls.encoder_cases import fit
from tests.seqcls.test_score_table import VERSION

THREAD = "seqcls-next-chunk"
PATIENCE = 20.0  # seconds until a test that waits for the other thread gives up


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(THREAD)]


def chunk(number: int, sequence: str = "ACGT") -> Numbered:
    return number, pa.table({"id": [f"r{number}"], "sequence": [sequence]})


def scorer_of(encoder: Encoder | None = None) -> Scorer:
    return Scorer(VERSION, None, encoder or fit("dna", ResidueEncode(), ["ACGT"]), 1, engine=None)  # type: ignore[arg-type]


class Source:
    """Chunks, and which of them have been read; `at` does something before a chunk is given out."""

    def __init__(self, count: int, at: dict[int, Callable[[], None]] | None = None) -> None:
        self.count, self.at, self.read = count, at or {}, list[int]()
        self.is_read = [threading.Event() for _ in range(count)]

    def __iter__(self) -> Iterator[Numbered]:
        for number in range(self.count):
            if number in self.at:
                self.at[number]()
            self.read.append(number)
            self.is_read[number].set()
            yield chunk(number)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 6), encoded=st.booleans())
def test_the_chunks_are_those_of_the_source_in_their_order_with_their_own_encodings(count: int, encoded: bool) -> None:
    letters = ["A", "CC", "GGG", "TTTT", "AC", "GT"]
    scorer, found = scorer_of(), []
    with ChunksAhead(chunk(number, letters[number]) for number in range(count)) as ahead:
        for one in ahead:
            if encoded:
                ahead.encode_next(scorer)
            decoded = scorer.encoder.decode(one.encoded_by(scorer).sequence).to_pylist()
            found.append((one.number, one.rows["sequence"].to_pylist(), decoded))
    assert found == [(number, [letters[number]], [letters[number]]) for number in range(count)]
    assert threads() == []


def test_one_chunk_is_read_while_another_is_used_and_never_two() -> None:
    source = Source(4)
    with ChunksAhead(iter(source)) as ahead:
        for one in ahead:
            if one.number < 3:
                assert source.is_read[one.number + 1].wait(PATIENCE)
            assert source.read == list(range(min(one.number + 2, 4)))


def test_the_next_chunk_is_encoded_in_the_other_thread_and_once() -> None:
    where: list[str] = []

    class Watched(Scorer):
        def encode(self, rows: pa.Table) -> Encoded:
            where.append(threading.current_thread().name.split("_")[0])
            return super().encode(rows)

    scorer = Watched(VERSION, None, scorer_of().encoder, 1, engine=None)  # type: ignore[arg-type]
    with ChunksAhead(iter(Source(3))) as ahead:
        for one in ahead:
            ahead.encode_next(scorer)
            one.encoded_by(scorer)
    assert where == ["MainThread", THREAD, THREAD]


def test_another_scorer_than_was_expected_encodes_the_chunk_itself() -> None:
    short = scorer_of(fit("dna", ResidueEncode(max_length=2), ["ACGT"]))
    usual = scorer_of()
    with ChunksAhead(iter(Source(2))) as ahead:
        next(ahead)
        ahead.encode_next(usual)
        second = next(ahead)
        assert second.encoded_by(short).truncated.to_pylist() == [True]
        assert second.encoded_by(usual).truncated.to_pylist() == [False]


def test_a_chunk_that_cannot_be_read_is_an_error_at_its_turn() -> None:
    def fail() -> None:
        raise Corrupted("a page whose sum is wrong", where="part-00000.parquet")

    used: list[int] = []
    with pytest.raises(Corrupted, match="a page whose sum is wrong"), ChunksAhead(iter(Source(3, {2: fail}))) as ahead:
        used.extend(one.number for one in ahead)
    assert used == [0, 1]
    assert threads() == []


def test_too_little_memory_for_the_chunk_ahead_is_our_own_message() -> None:
    def fail() -> None:
        raise pa.ArrowMemoryError("malloc of size 640 failed")

    with ChunksAhead(iter(Source(2, {1: fail}))) as ahead:
        assert next(ahead).number == 0
        with pytest.raises(WorldFailed, match="the memory does not suffice") as raised:
            next(ahead)
    assert raised.value.next_step.startswith("lower score.batch_size or score.chunk_rows")


def test_a_chunk_that_cannot_be_encoded_is_an_error_only_when_it_is_scored() -> None:
    scorer = scorer_of()
    with ChunksAhead(iter([chunk(0), chunk(1, "AC!T"), chunk(2)])) as ahead:
        next(ahead)
        ahead.encode_next(scorer)
        strange = next(ahead)
        ahead.encode_next(scorer)
        assert next(ahead).encoded_by(scorer).unknown.to_pylist() == [0]  # the strange one may be somebody else's
        with pytest.raises(DataRefused, match="letter '!' at position 3"):
            strange.encoded_by(scorer)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit, None], ids=str)
def test_the_thread_ends_however_the_loop_is_left(error: type[BaseException] | None) -> None:
    scorer = scorer_of()

    def leave_early() -> None:
        with ChunksAhead(iter(Source(1000))) as ahead:
            for one in ahead:
                ahead.encode_next(scorer)
                assert len(threads()) == 1
                if one.number == 3:
                    if error:
                        raise error
                    break

    with pytest.raises(error) if error else nullcontext():
        leave_early()
    assert threads() == []


def test_a_signal_while_a_slow_chunk_is_waited_for_ends_the_loop_and_the_thread() -> None:
    main = threading.main_thread().ident
    assert main is not None
    slow, go_on = Source(3, {2: lambda: interrupt()}), threading.Event()

    def interrupt() -> None:
        signal.pthread_kill(main, signal.SIGINT)
        assert go_on.wait(PATIENCE)  # the main thread is waiting for this chunk; it must not have to wait for more

    before = signal.signal(signal.SIGINT, stop_and(go_on.set))
    try:
        with pytest.raises(KeyboardInterrupt), ChunksAhead(iter(slow)) as ahead:
            for _ in ahead:
                pass
    finally:
        signal.signal(signal.SIGINT, before)
    assert slow.read == [0, 1, 2]
    assert threads() == []


def stop_and(act: Callable[[], None]) -> Callable[[int, Any], None]:
    def stop(_number: int, _frame: Any) -> None:
        act()
        raise KeyboardInterrupt

    return stop


def test_a_chunk_is_claimed_at_its_turn_though_the_next_one_is_read_already(
    trained: Path, copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real road over three chunks, with a look at what happens in which order."""
    config = copy(trained)
    happened: list[str] = []
    is_read = [threading.Event() for _ in range(3)]

    def read(*given: Any) -> Iterator[Numbered]:
        for number, rows in cut_chunks(*given):
            happened.append(f"read {number}")
            is_read[number].set()
            yield number, rows

    def claim(*given: Any) -> Claim | None:
        happened.append(f"claim {given[3]}")
        return claim_chunk(*given)

    def commit(ledger: Database, claimed: Claim, result: ChunkResult) -> bool:
        assert is_read[min(claimed.chunk + 1, 2)].wait(PATIENCE)
        happened.append(f"commit {claimed.chunk}")
        return commit_chunk(ledger, claimed, result)

    for name, watched in {"cut_chunks": read, "claim_chunk": claim, "commit_chunk": commit}.items():
        monkeypatch.setattr(f"seqcls.scoring.chunks.{name}", watched)
    with open_workspace(config) as workspace:
        score_pipeline(workspace)
        assert [row.chunk for row in done_chunks(workspace.ledger, "pairs")] == [0, 1, 2]
    steps = [step for step in happened if not step.startswith("read")]
    assert steps == [f"{step} {number}" for number in range(3) for step in ("claim", "commit")]
    places = {step: place for place, step in enumerate(happened)}
    for number in (0, 1):
        assert places[f"read {number + 1}"] < places[f"commit {number}"] < places[f"claim {number + 1}"]
    assert threads() == []


def test_many_chunks_give_the_labels_of_one(trained: Path, tmp_path: Path) -> None:
    """With one chunk nothing is read ahead."""
    found = []
    for rows in (7, 1000):
        config = Path(shutil.copytree(trained, tmp_path / f"{rows}")) / "pairs.toml"
        config.write_text(config.read_text().replace("chunk_rows = 40", f"chunk_rows = {rows}"))
        with open_workspace(config) as workspace:
            assert score_pipeline(workspace).night.rows.scored == 90
            files = [path for folder in workspace.output.glob("model=*/*") for path in shards(folder)]
        table = read_parquet(files, ["id", "label", "flags", "confidence"]).sort_by("id")
        assert len(files) == -(-90 // rows)
        found.append(table)
    assert found[0].drop_columns("confidence").equals(found[1].drop_columns("confidence"))
    assert found[0]["confidence"].to_pylist() == pytest.approx(found[1]["confidence"].to_pylist(), abs=1e-5)
