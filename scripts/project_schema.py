"""The JSON Schema of the project file, for editors: made from the models that read it."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema

from tierra.project.file import ProjectFile

Schema = dict[str, Any]
# The newest that editors' YAML servers know well; nothing here needs a newer one.
DIALECT = "http://json-schema.org/draft-07/schema#"


class _Untitled(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: CoreSchema) -> bool:
        """A key is its own title."""
        return False


def make_schema(model: type[BaseModel] = ProjectFile) -> Schema:
    """The schema of a project file as editors read it."""
    return {"$schema": DIALECT, **describe_model(model), "title": "A project file of Tierra"}


def describe_model(model: type[BaseModel]) -> Schema:
    """The schema of what a person may write; defaults as they would write them."""
    schema = model.model_json_schema(schema_generator=_Untitled)
    for part in _parts(schema):
        _translate(part)
    for name, each in models_in(model).items():
        _write_defaults(schema.get("$defs", {}).get(name, schema), each)
    return schema


def models_in(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """A model and all that its fields are made of, by name."""
    found: dict[str, type[BaseModel]] = {}
    waiting: list[Any] = [model]
    while waiting:
        each = waiting.pop()
        if isinstance(each, type) and issubclass(each, BaseModel) and each.__name__ not in found:
            found[each.__name__] = each
            waiting += [field.annotation for field in each.model_fields.values()]
        else:
            waiting += getattr(each, "__args__", ())
    return found


def _parts(schema: Any) -> Iterator[Schema]:
    """Every object in a schema, itself included."""
    if isinstance(schema, dict):
        yield schema
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _parts(each)


def _translate(part: Schema) -> None:
    """Replace what pydantic writes in its own way, or too weakly, by what JSON Schema has for it."""
    part.pop("discriminator", None)  # of OpenAPI
    ways = part.get("anyOf", [])
    if len(ways) == 2 and {"type": "null"} in ways and any(way.get("type") == "array" for way in ways):
        # An editor then marks the item that is wrong, not the whole list.
        part |= next(way for way in part.pop("anyOf") if way != {"type": "null"})
    if part.get("type") == "array" and isinstance(least := part.pop("minLength", None), int):
        part["minItems"] = least
    if isinstance(patterns := part.pop("patternProperties", None), dict):
        ((pattern, values),) = patterns.items()
        part |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}


def _write_defaults(schema: Schema, model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        shown = schema["properties"][field.alias or name]
        shown.pop("default", None)
        if (default := _written(model, name, field)) is not None:
            shown["default"] = default


def _written(model: type[BaseModel], name: str, field: FieldInfo) -> Any:
    """A field's default as a person would write it; None when there is none."""
    if field.is_required() or (field.default_factory and field.default_factory_takes_validated_data):
        return None
    default = field.get_default(call_default_factory=True)
    return model.model_construct(**{name: default}).model_dump(mode="json", exclude_none=True, warnings=False).get(name)
