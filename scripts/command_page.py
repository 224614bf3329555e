"""The page of the command line, from the declarations of its commands and handwritten notes."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from typer import Typer
from typer.models import ArgumentInfo, OptionInfo

from scripts.markdown import fill_template, make_table
from tierra.cli.commands import app


@dataclass(frozen=True)
class Parameter:
    """An argument or an option of a command, as a person writes it."""

    name: str
    usage: str
    help: str


@dataclass(frozen=True)
class Command:
    """A command, what it does, and what it takes."""

    name: str
    help: str
    parameters: tuple[Parameter, ...]

    @property
    def usage(self) -> str:
        """How it is called."""
        return " ".join([f"tierra {self.name}".strip(), *(each.usage for each in self.parameters)])


def render_command_page(template: str, typer: Typer = app) -> str:
    """The page: the template with the commands in their place."""
    commands = "\n\n".join(map(_render, find_commands(typer)))
    return fill_template(template, commands=commands, options=_table(find_common_options(typer)))


def find_undescribed_commands(typer: Typer = app) -> list[str]:
    """The commands without a docstring, and the parameters without a help text."""
    commands = list(find_commands(typer))
    missing = [each.name for each in commands if not each.help]
    named = [(each.name, parameter) for each in commands for parameter in each.parameters]
    named += [("", parameter) for parameter in find_common_options(typer)]
    return missing + [f"{name} {parameter.name}".strip() for name, parameter in named if not parameter.help]


def find_commands(typer: Typer) -> Iterator[Command]:
    """The commands, in the order in which they are declared."""
    for info in typer.registered_commands:
        if info.callback and not info.hidden:
            name = info.name or info.callback.__name__.replace("_", "-")
            yield Command(name, inspect.getdoc(info.callback) or "", tuple(find_parameters(info.callback)))


def find_common_options(typer: Typer) -> tuple[Parameter, ...]:
    """The options that come before a command."""
    callback = typer.registered_callback and typer.registered_callback.callback
    return tuple(find_parameters(callback)) if callback else ()


def find_parameters(function: Callable[..., Any]) -> Iterator[Parameter]:
    """What a command takes, from the types and defaults of its function."""
    hints = get_type_hints(function, include_extras=True)
    for name, declared in inspect.signature(function).parameters.items():
        kind, *notes = get_args(hints[name])
        (info,) = [note for note in notes if isinstance(note, ArgumentInfo | OptionInfo)]
        yield _read_parameter(name, kind, info, declared.default)


def _read_parameter(name: str, kind: Any, info: ArgumentInfo | OptionInfo, default: Any) -> Parameter:
    # Typer keeps the first name given to an option as its default.
    declared = [str(each) for each in (info.default, *(info.param_decls or ())) if str(each).startswith("--")]
    shown = name.upper() if isinstance(info, ArgumentInfo) else (declared or [f"--{name.replace('_', '-')}"])[0]
    usage = shown if isinstance(info, ArgumentInfo) or kind is bool else f"{shown} {_name_value(name, kind)}"
    required = default is inspect.Parameter.empty
    note = f" Default: `{default}`." if info.help and default and not required else ""
    return Parameter(shown, usage if required else f"[{usage}]", (info.help or "") + note)


def _name_value(name: str, kind: Any) -> str:
    return "|".join(get_args(kind)) if get_origin(kind) is Literal else name.upper()


def _render(command: Command) -> str:
    parts = [f"## tierra {command.name}", command.help, f"```text\n{command.usage}\n```"]
    return "\n\n".join([*parts, *([_table(command.parameters)] if command.parameters else [])])


def _table(parameters: tuple[Parameter, ...]) -> str:
    return make_table(("", "is"), [(f"`{each.name}`", each.help) for each in parameters])
