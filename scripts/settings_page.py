"""The page that explains every variable we read, from the models that read them and handwritten notes."""

from collections.abc import Iterator

from pydantic_settings import BaseSettings

from deployments.services.addresses import MLFLOW_URL, RECEIPTS_URL, ServerSettings
from scripts.markdown import fill_template, make_table
from scripts.project_schema import Schema, describe_model
from scripts.schema_words import describe_default, describe_type, find_undescribed
from tierra.settings import Settings
from tierra.status.server_address import VARIABLE

Row = tuple[str, str, str, str]


def render_settings_page(template: str, settings: type[BaseSettings] = Settings) -> str:
    """The page: the template with the tables in their places."""
    return fill_template(
        template,
        settings=make_variable_table(settings),
        server=make_variable_table(ServerSettings),
        api_url=VARIABLE,
        mlflow_url=MLFLOW_URL,
        receipts_url=RECEIPTS_URL,
    )


def find_undescribed_settings(settings: type[BaseSettings] = Settings) -> list[str]:
    """The settings without a description, as class.field."""
    return [
        name for model in (settings, ServerSettings) for name in find_undescribed(model.__name__, describe_model(model))
    ]


def make_variable_table(model: type[BaseSettings]) -> str:
    """A table of the variables that a class of settings is read from, those of its parts included."""
    schema = describe_model(model)
    rows = _find_rows(schema, schema, model.model_config["env_prefix"])
    return make_table(("variable", "written as", "default", "is"), rows)


def _find_rows(whole: Schema, part: Schema, prefix: str) -> Iterator[Row]:
    for name, key in part["properties"].items():
        variable = prefix + name.upper()
        match key:
            case {"$ref": str(target)}:
                yield from _find_rows(whole, whole["$defs"][target.rpartition("/")[2]], f"{variable}__")
            case {"additionalProperties": {"$ref": str(target)}}:
                yield from _find_rows(whole, whole["$defs"][target.rpartition("/")[2]], f"{variable}__<NAME>__")
            case {"additionalProperties": {"type": _} as value}:
                words = key.get("description", "")
                yield f"`{variable}__<NAME>`", describe_type(value, str), describe_default(part, name), words
            case _:
                yield f"`{variable}`", describe_type(key, str), describe_default(part, name), key.get("description", "")
