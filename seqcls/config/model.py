"""[model]: what every model family has in common, and how `family` chooses one.

In: the table of a pipeline file, or of model.json. Out: the settings of a family, a frozen record of its own class.
The classes themselves are in `seqcls/models/families/`; `families.py` names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SerializeAsAny
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from seqcls.config.base import Section
from seqcls.config.families import family_names, find_entry
from seqcls.config.train import TrainConfig

Positions = Literal["values", "letters", "words", "pieces"]
"""What the positions of an encoded sequence hold: values of a series; letters of dna or protein, which are mixtures of
a few symbols; entries of a vocabulary (words, characters, k-mers, tokens), one of which stands for the unknown;
or pieces of the tokenizer of a pretrained encoder."""
DESCRIBED: Mapping[Positions, str] = {
    "values": "series",
    "letters": "letters of dna or protein",
    "words": "words, k-mers or other tokens",
    "pieces": "pieces of a pretrained tokenizer",
}


class Family(Section):
    """The settings of one kind of model. A subclass has the field `family`, whose values are its names."""

    trained: ClassVar[Literal["epochs", "fit", "search"]]
    """By gradients in epochs; in one go; or by a search over other families."""
    suits: ClassVar[frozenset[Positions]] = frozenset(get_args(Positions)) - {"pieces"}
    """The sequences that the family has a meaning for."""
    train_keys: ClassVar[frozenset[str]] = frozenset(TrainConfig.model_fields) - {"budget"}
    """The keys of [train] that have an effect; others are refused."""
    cross_validates: ClassVar[bool] = False
    """Whether training divides its rows into folds where there are no validation rows."""
    text_unit: ClassVar[str] = ""
    """`encode.unit` of text where the file leaves it out; empty: the default of [encode]."""
    example: ClassVar[Mapping[str, object]] = {}
    """Settings of the smallest model that uses all parts of the family, for the tests of every family."""

    if TYPE_CHECKING:

        @property
        def family(self) -> str: ...

    def misfits(self, positions: Positions) -> Iterator[str]:
        """Settings that have no meaning for such sequences, a sentence each."""
        if positions not in self.suits:
            suited = " and ".join(DESCRIBED[one] for one in get_args(Positions) if one in self.suits)
            yield f'model.family = "{self.family}" is for {suited}, not for {DESCRIBED[positions]}'

    def train_faults(self, train: TrainConfig) -> Iterator[str]:
        """Settings of [train] that would have no effect, a sentence each."""
        if train.budget != train.default_of("budget"):
            yield f'train.budget is for model.family = "auto"; {self.family} takes the time it takes: remove it'


def find_family(name: str) -> type[Family]:
    """The class of a family. Raises KeyError for an unknown name, ConfigRefused where it cannot be loaded."""
    return find_entry(name, Family)


def families_trained(how: Literal["epochs", "fit", "search"]) -> tuple[str, ...]:
    """The names of the families that are trained in one way."""
    return tuple(name for name in family_names() if find_family(name).trained == how)


def _choose(value: object) -> Family:
    """A table -> the settings of the family that it names."""
    if isinstance(value, Family):
        return value
    if not isinstance(value, dict):
        raise PydanticKnownError("model_attributes_type")
    if "family" not in value:
        raise PydanticKnownError("union_tag_not_found", {"discriminator": "'family'"})
    name, known = value["family"], family_names()
    if name not in known:
        listed = ", ".join(repr(one) for one in known)
        raise PydanticKnownError(
            "union_tag_invalid", {"discriminator": "'family'", "tag": str(name), "expected_tags": listed}
        )
    return find_family(name).model_validate(value)


class _ByFamily:
    """How pydantic reads and describes [model]: as the union of all families, of which only the named one is loaded."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_choose)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        every = {name: find_family(name).__pydantic_core_schema__ for name in family_names()}
        return handler(core_schema.tagged_union_schema(every, discriminator="family"))


ModelConfig = Annotated[Family, _ByFamily, SerializeAsAny()]
