"""The one memo: what a step made of the same inputs by the same code is found, not made again."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from tierra.errors import Broken
from tierra.journal import note_found, note_made
from tierra.store.marks import may_be_reused
from tierra.store.objects import Objects
from tierra.store.refs import ObjectRef

Made = TypeVar("Made", bound=BaseModel)
LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "skops", "great-expectations", "imbalanced-learn")
ROOT: Final = Path(__file__).parent.parent.parent
# Import statements of our own modules, what they name, and blocks that are for the type checker alone.
IMPORT: Final = re.compile(
    r"^[ \t]*(?:from|import)[ ]+(?P<module>tierra[\w.]*)(?:[ ]+import[ ]+(?P<names>\([^)]*\)|[^\n#]*))?", re.MULTILINE
)
NAME: Final = re.compile(r"(\w+)(?:\s+as\s+\w+)?")
TYPE_CHECKING: Final = re.compile(
    r"^(?P<indent>[ \t]*)if TYPE_CHECKING:\n(?:(?P=indent)[ \t]+[^\n]*\n|[ \t]*\n)+", re.MULTILINE
)


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON; pydantic models and dates included."""
    text = json.dumps(value, sort_keys=True, default=_plain, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def remember(
    objects: Objects,
    module: str,
    inputs: Any,
    kind: type[Made],
    make: Callable[[], Made],
    is_valid: Callable[[Made], bool] | None = None,
) -> Made:
    """What `make` returns, or what it returned before for the same inputs and code.

    `module` is the caller's `__name__`: a change in it, or in anything of Tierra it imports,
    makes the value anew. A remembered value is used only while `is_valid` says so; by
    default, while every object it refers to is in the store.
    """
    step = _step(module, kind)
    of = digest([step, inputs, code_version(module)])
    name = _name(step, of)
    is_useless = False
    try:
        found = _open(objects, name, of, kind)
        is_useless = True
        if is_valid(found) if is_valid else has_its_objects(objects, found):
            note_found()
            return found
    except FileNotFoundError:
        pass
    made = make()
    note_made()
    if is_useless:  # what it refers to is gone, or will be: else each run would make it anew
        objects.remove(name)
    objects.put_if_absent(name, _seal(of, made))
    return made


def recall(objects: Objects, module: str, inputs: Any, kind: type[Made]) -> Made | None:
    """What `remember` would find of the same inputs and code; None where it would have it made."""
    step = _step(module, kind)
    of = digest([step, inputs, code_version(module)])
    try:
        found = _open(objects, _name(step, of), of, kind)
        if not has_its_objects(objects, found):
            return None
    except FileNotFoundError:
        return None
    note_found()
    return found


def find_remembered(objects: Objects, module: str, kind: type[Made]) -> Iterator[Made]:
    """Every value of a kind that a module's steps made, of whatever inputs and code; damaged ones are left out."""
    for name in objects.names(f"memo/{_step(module, kind)}"):
        try:
            of = json.loads(objects.read(name))["of"]
            yield _open(objects, name, of, kind)
        except (Broken, FileNotFoundError, ValueError, KeyError, TypeError):
            continue


def _name(step: str, of: str) -> str:
    # Shortened, because a name that ends in a whole SHA-256 is that of an object's bytes.
    return f"memo/{step}/{of[:40]}.json"


def _step(module: str, kind: type[BaseModel]) -> str:
    return f"{module.rpartition('.')[2]}-{kind.__name__.lower()}"


def _seal(of: str, made: BaseModel) -> bytes:
    """A value with the digest of what it was made of, and the digest of both."""
    value = made.model_dump(mode="json")
    return json.dumps({"of": of, "value": value, "digest": digest([of, value])}).encode()


def _open(objects: Objects, name: str, of: str, kind: type[Made]) -> Made:
    """A remembered value. Raises Broken when it was made of something else, or changed since."""
    text = objects.read(name)
    try:
        kept = json.loads(text)
        if kept["of"] == of and kept["digest"] == digest([of, kept["value"]]):
            return kind.model_validate_json(json.dumps(kept["value"]))
    except (ValueError, KeyError, TypeError):
        pass
    raise Broken("memo-tampered", f"{objects.location(name)} is not what was remembered there")


@cache
def code_version(module: str) -> str:
    """Digest of a module, of all it imports inside Tierra, and of the libraries that decide results."""
    own = [(name, _sha256(name)) for name in sorted(imported_by(module))]
    return digest([own, [(name, version(name)) for name in LIBRARIES]])


def imported_by(module: str) -> set[str]:
    """The modules of Tierra that a module imports, at its top, inside functions or through others; itself included."""
    found, waiting = set[str](), [module]
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting += _imports(name)
    return found


@cache
def _sha256(module: str) -> str:
    return hashlib.sha256(_file(module).read_bytes()).hexdigest()


@cache
def _imports(module: str) -> tuple[str, ...]:
    named = _named(_file(module).read_text(encoding="utf-8"))
    return tuple(name for name in dict.fromkeys(named) if name != "tierra" and _file(name).is_file())


def _named(code: str) -> Iterator[str]:
    """The modules of Tierra that import statements may load: `from a import b` loads a, and a.b where that is a module.

    Read as text, which is fifty times faster than parsing: every run asks it of every module of its steps.
    """
    for found in IMPORT.finditer(TYPE_CHECKING.sub("", code)):
        yield found["module"]
        yield from (f"{found['module']}.{name}" for name in NAME.findall(found["names"] or ""))


def _file(module: str) -> Path:
    place = ROOT.joinpath(*module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def has_its_objects(objects: Objects, found: BaseModel) -> bool:
    """Whether every object that a remembered value refers to is in the store, and will stay there."""
    for ref in _references(found):
        if not may_be_reused(objects, ref.name):
            return False
        objects.open(ref.name).close()
    return True


def _references(value: Any) -> Iterator[ObjectRef]:
    """The references inside a remembered value."""
    if isinstance(value, ObjectRef):
        yield value
    elif isinstance(value, BaseModel):
        for _, inner in value:
            yield from _references(inner)
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _references(inner)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
