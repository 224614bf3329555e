"""The project's own Python files: loading functions from them, and their digests."""

import ast
import hashlib
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from types import FrameType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from tierra.errors import DataRejected, Misconfigured, TierraError, first_line

if TYPE_CHECKING:
    import pandas as pd

# Loading changes sys.path and sys.modules for a moment: one thread at a time.
_lock = RLock()


@dataclass(frozen=True)
class ProjectCode:
    """Functions by the role they play, and the files they came from, by digest."""

    folder: Path
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, role: str) -> Callable[..., Any] | None:
        return self.functions.get(role)


def load_code(folder: Path, names: Mapping[str, str]) -> ProjectCode:
    """Import functions named file:function from a folder. Raises Misconfigured.

    Only files of the folder that were imported count as the project's code.
    The modules are taken out of sys.modules again, so that today's code and the
    champion's can live side by side.
    """
    with _lock, _importing_from(folder) as imported_files:
        functions = {role: _function(folder, name) for role, name in names.items()}
        files = {file.relative_to(folder).as_posix(): _digest(file) for file in imported_files()}
    return ProjectCode(folder, functions, dict(sorted(files.items())))


def load_classes(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    """Import classes named file:Class from a folder. Raises Misconfigured."""
    return dict(load_code(folder, {name: name for name in names}).functions)


@contextmanager
def standing_in(classes: Iterable[type]) -> Iterator[None]:
    """While it lasts, importing the modules of these classes gives modules that hold them and nothing else."""
    held = {cls.__module__: ModuleType(cls.__module__) for cls in classes}
    for cls in classes:
        setattr(held[cls.__module__], cls.__name__, cls)
    with _lock:
        hidden = {name: sys.modules[name] for name in held if name in sys.modules}
        sys.modules.update(held)
        try:
            yield
        finally:
            for name in held:
                del sys.modules[name]
            sys.modules.update(hidden)


def check_functions(folder: Path, names: Mapping[str, str]) -> None:
    """Check that each file:function exists, without running any code. Raises Misconfigured."""
    for name in names.values():
        module_name, _, attribute = name.partition(":")
        file = _file(folder, name, module_name)
        if attribute not in _names(file):
            raise Misconfigured("function-not-found", f"{name}: no function '{attribute}' in {file}")


def _names(file: Path) -> set[str]:
    """The names a file binds at its top level."""
    try:
        body = ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
        raise Misconfigured("code-invalid", f"{file}{line}: {type(error).__name__}: {error}") from None
    names = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names |= {alias.asname or alias.name for node in body if isinstance(node, ast.ImportFrom) for alias in node.names}
    return names | {
        str(getattr(each, "id", "")) for node in body if isinstance(node, ast.Assign) for each in node.targets
    }


def _file(folder: Path, name: str, module_name: str) -> Path:
    file = folder / f"{module_name}.py"
    if not file.is_file():
        raise Misconfigured("function-not-found", f"{name}: no file {file}")
    return file


def _function(folder: Path, name: str) -> Callable[..., Any]:
    module_name, _, attribute = name.partition(":")
    file = _file(folder, name, module_name)
    function = getattr(_import(file, module_name), attribute, None)
    if not callable(function):
        raise Misconfigured("function-not-found", f"{name}: no function '{attribute}' in {file}")
    return function


def _import(file: Path, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # a user's file may raise anything while it is imported
        line = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
        raise Misconfigured("code-invalid", f"{file}{line}: {type(error).__name__}: {error}") from error


def call_function(name: str, function: Callable[..., Any], *frames: "pd.DataFrame") -> Any:
    """Call a user's function on shallow copies, so that it cannot change the caller's frames."""
    try:
        return function(*(frame.copy(deep=False) for frame in frames))
    except (TierraError, MemoryError):
        raise
    # Whatever a user's function raises is one line to its owner; `sys.exit` must not end a run without its page.
    except (Exception, SystemExit) as error:
        line = _line_of(error, function)
        raise DataRejected("function-failed", f"{name}{line}: {type(error).__name__}: {error}") from error


def _line_of(error: BaseException, function: Callable[..., Any]) -> str:
    file = function.__code__.co_filename
    last = _last_place(error, lambda frame: frame.f_code.co_filename == file)
    return f" (line {last.tb_lineno})" if last else ""


def _last_place(error: BaseException, is_wanted: Callable[[FrameType], bool]) -> TracebackType | None:
    """Where an error went last through a wanted frame."""
    trace, last = error.__traceback__, None
    while trace:
        last, trace = trace if is_wanted(trace.tb_frame) else last, trace.tb_next
    return last


def said_by_project(error: BaseException) -> str:
    """What a project's own code says, with its file and line, where it raised an error; else nothing.

    Its modules, and no others, run without being in sys.modules.
    """
    last = _last_place(error, _is_of_project)
    if last is None:
        return ""
    file = Path(last.tb_frame.f_code.co_filename).name
    return f"{file}, line {last.tb_lineno}: {type(error).__name__}: {first_line(error)}"


def _is_of_project(frame: FrameType) -> bool:
    module = sys.modules.get(frame.f_globals.get("__name__", ""))
    return module is None or vars(module) is not frame.f_globals


@contextmanager
def _importing_from(folder: Path) -> Iterator[Callable[[], list[Path]]]:
    own_modules = {file.stem for file in folder.glob("*.py")} | {
        file.parent.name for file in folder.glob("*/__init__.py")
    }
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in own_modules}
    before, no_bytecode = set(sys.modules), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()

    def imported_files() -> list[Path]:
        files = [Path(getattr(sys.modules[name], "__file__", None) or "/") for name in set(sys.modules) - before]
        return [file for file in files if file.is_relative_to(folder)]

    try:
        yield imported_files
    finally:
        sys.dont_write_bytecode = no_bytecode
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in own_modules:
                del sys.modules[name]
        sys.modules.update(hidden)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
