"""How new rows differ from those that a model was trained on."""

from seqcls.drift.reference import Reference, make_reference, open_reference
from seqcls.drift.tally import Tally

__all__ = ["Reference", "Tally", "make_reference", "open_reference"]
