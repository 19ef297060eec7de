"""The ledger says what exists: artefacts of stages, models, aliases, scored chunks. One row is one commit point."""

from seqcls.ledger.database import Database, closing, open_database

__all__ = ["Database", "closing", "open_database"]
