"""A pretrained encoder of Hugging Face, read from a folder, and one linear layer; fitted in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from seqcls.config.base import LocalPath
from seqcls.encoders.spec import InputSpec
from seqcls.models.families.base import FittedFamily

if TYPE_CHECKING:
    from torch import nn


class EncoderModel(FittedFamily):
    """A pretrained encoder that stays as it is, and a linear layer on the means of all its layers, for text.

    Needs the extra `encoder`. The folder is read when rows are encoded; the model keeps its own copy of the weights.
    """

    suits = frozenset({"pieces"})
    text_unit = "pretrained"

    family: Literal["encoder"] = "encoder"
    encoder: LocalPath
    """Folder with config.json, model.safetensors and tokenizer.json, relative to the pipeline file."""
    strength: Annotated[float, Field(gt=0, strict=False)] | None = None
    """Inverse of the L2 penalty. Left out: the value from 0.001 to 1 with the smallest validation loss."""

    def key_text(self) -> str:
        """Without the folder's name: its content is in the key of the rows."""
        return self.model_dump_json(exclude={"encoder"})

    def make_network(self, inputs: InputSpec, classes: int) -> nn.Module:
        from seqcls.models.pretrained import FrozenEncoder

        return FrozenEncoder(self.strength, inputs, classes)
