"""The JSON Schema of the pipeline file, with which editors complete keys and mark mistakes.

In: nothing. Out: JSON text, made from the sections themselves, so that it cannot fall behind them. Promise: a file that
`seqcls` accepts is valid; unknown keys, wrong types and values out of range are not. Rules between keys are not in it
(`seqcls check` knows them).
"""

from __future__ import annotations

import json

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from seqcls.config.pipeline import AnyPipeline

SCHEMA_FILE = "seqcls.schema.json"
"""What `seqcls init` calls it, beside the pipeline file."""


class _TomlSchema(GenerateJsonSchema):
    """TOML has no null: a key is given or left out. Titles would only repeat the keys."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        default = self.get_default_value(schema)
        return (
            self.generate_inner(schema["schema"])
            if default is None or isinstance(default, BaseModel)
            else super().default_schema(schema)
        )

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False


def schema_text() -> str:
    """The schema as `seqcls schema` prints it."""
    schema = TypeAdapter[object](AnyPipeline).json_schema(schema_generator=_TomlSchema)
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A pipeline of seqcls", **schema}
    return json.dumps(named, indent=1) + "\n"
