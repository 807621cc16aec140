"""Describe structs in the OpenAPI document by their docstrings. This module must never change a schema."""

import inspect
from typing import Final

from litestar._openapi.schema_generation import SchemaCreator
from litestar._openapi.schema_generation.plugins.struct import StructSchemaPlugin
from litestar.openapi.spec import Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition


class DescribedStructs(OpenAPISchemaPlugin):
    """Generates the schema of a struct as Litestar does, and adds the docstring as its description."""

    def __init__(self) -> None:
        self._structs: Final = StructSchemaPlugin()

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Return whether the field is a struct."""
        return self._structs.is_plugin_supported_field(field_definition)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        """Generate the schema of a struct."""
        schema = self._structs.to_openapi_schema(field_definition, schema_creator)
        shape = field_definition.origin or field_definition.annotation
        schema.description = inspect.getdoc(shape)
        return schema
