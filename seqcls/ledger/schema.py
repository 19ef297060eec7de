"""The tables of the ledger: the one database that says what exists."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKeyConstraint, Integer, MetaData, String, Table, Text

SCHEMA_VERSION = 4
metadata = MetaData()

# What comes first and what later is said by numbers: clocks are set back, and differ between machines. 0 stands in rows
# from before schema 3: these come before all others, ordered by time among themselves.


def _number(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, default=0, server_default="0")


settings = Table(
    "settings", metadata, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False)
)

# The last number that a pipeline gave to something whose order matters (a name's new content, a claim of a chunk).
counters = Table(
    "counters",
    metadata,
    Column("pipeline", String(64), primary_key=True),
    Column("value", Integer, nullable=False),
)

# A stage's key (stage version + digests of its inputs + its part of the config) -> the artefact it made.
stages = Table(
    "stages",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("stage", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("facts", Text, nullable=False),  # JSON: seconds and other things that are no part of the artefact
    Column("recorded_at", Float, nullable=False),  # seconds since 1970, by the database's clock
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("pipeline", String(64), nullable=False),
    Column("job", String(16), nullable=False),  # train, score
    Column("ended_at", Float, nullable=False),
    Column("outcome", Text, nullable=False),  # JSON
)

models = Table(
    "models",
    metadata,
    Column("pipeline", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("model_digest", String(64), nullable=False),
    Column("evaluation_digest", String(64), nullable=False),
    Column("inputs", Text, nullable=False),  # JSON: digests of table, checked, splits, encoded
    Column("metrics", Text, nullable=False),  # JSON: the headline figures of the test split
    Column("run_id", String(64), nullable=False),
    Column("registered_at", Float, nullable=False),
)

# `counter` makes a change of the alias a compare-and-set.
aliases = Table(
    "aliases",
    metadata,
    Column("pipeline", String(64), primary_key=True),
    Column("alias", String(32), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("counter", Integer, nullable=False),
    ForeignKeyConstraint(["pipeline", "version"], ["models.pipeline", "models.version"]),
)

alias_changes = Table(
    "alias_changes",
    metadata,
    Column("pipeline", String(64), primary_key=True),
    Column("alias", String(32), primary_key=True),
    Column("counter", Integer, primary_key=True),
    Column("from_version", Integer),
    Column("to_version", Integer, nullable=False),
    Column("who", String(128), nullable=False),
    Column("why", Text, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("journal", String(64)),  # digest of the `alias_move` artefact that says the same
    _number("serial"),  # larger than that of every move that was written down before, carried out or not
    Column("kind", String(16), nullable=False, default="", server_default=""),  # promotion, rollback; "": schema 2
)

# What the gate, or a person, decided about a version; the artefact `decision` has every figure.
decisions = Table(
    "decisions",
    metadata,
    Column("pipeline", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("champion", Integer),  # the version that it was compared with
    Column("state", String(16), nullable=False),  # see registry/decisions.py
    Column("who", String(128), nullable=False),
    Column("why", Text, nullable=False),
    Column("decided_at", Float, nullable=False),
    Column("digest", String(64), nullable=False),
)

# What [alert] has told: each fault once, until it is over.
told = Table(
    "told",
    metadata,
    Column("pipeline", String(64), primary_key=True),
    Column("fault", String(200), primary_key=True),
    Column("told_at", Float, nullable=False),
)

# New data, by content. One row a file content, pipeline and scoring; names are kept in sightings.
# `rescored_with` is 0 for the first scoring (each chunk by who is champion then), N for the re-scoring with version N.
inputs = Table(
    "inputs",
    metadata,
    Column("pipeline", String(64), primary_key=True),
    Column("input_digest", String(64), primary_key=True),
    Column("rescored_with", Integer, primary_key=True, default=0),
    Column("name", Text, nullable=False),  # the name it was first seen under
    Column("day", String(10)),  # YYYY-MM-DD, what `--since` and `--until` ask for; null: see scoring/days.py
    Column("state", String(16), nullable=False),  # open, done, refused
    Column("detail", Text, nullable=False),
    Column("checked_digest", String(64)),  # fixed with chunk_rows when scoring starts, so that chunks keep
    Column("chunk_rows", Integer),  # their rows whatever the config says later
    Column("rows_in", Integer),
    Column("scored", Integer),
    Column("rejected", Integer),
    Column("abstained", Integer),
    Column("seen_at", Float, nullable=False),
)

# Contents that a name had; the one with the largest number is what it holds now.
sightings = Table(
    "sightings",
    metadata,
    Column("pipeline", String(64), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("input_digest", String(64), primary_key=True),
    Column("seen_at", Float, nullable=False),
    _number("number"),
    Column("record", String(64)),  # digest of the `sightings` artefact that says the same
)

# Files that cannot be used, once a run has failed for them under that name; the reason stands in `inputs`.
set_aside = Table(
    "set_aside",
    metadata,
    Column("pipeline", String(64), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("input_digest", String(64), primary_key=True),
    Column("told_at", Float, nullable=False),
    _number("number"),  # that of the reported sighting
)

# A chunk of an input: the unit of scoring. `token` fences a runner whose lease has run out.
chunks = Table(
    "chunks",
    metadata,
    Column("pipeline", String(64), primary_key=True),
    Column("input_digest", String(64), primary_key=True),
    Column("rescored_with", Integer, primary_key=True, default=0),
    Column("chunk", Integer, primary_key=True),
    Column("state", String(16), nullable=False),  # claimed, done
    Column("token", Integer, nullable=False),
    Column("lease_until", Float, nullable=False),
    Column("owner", String(128), nullable=False),
    Column("model_version", Integer),
    Column("scores_digest", String(64)),
    Column("rows_in", Integer),
    Column("scored", Integer),
    Column("rejected", Integer),
    Column("abstained", Integer),
    Column("run_id", String(64)),
    Column("committed_at", Float),
    Column("published_as", Text),  # path below the output folder
    Column("published", Integer),  # 1 when the file is there
    _number("number"),  # given by the claim under which it was scored
)
