"""The demo: a project's own data, loaded once, then one training and one scoring run."""

import importlib.util
import time
from pathlib import Path

from tierra.cli.calling import run_flow, show_end
from tierra.cli.console import out, pairs, people
from tierra.errors import Misconfigured
from tierra.settings import load_settings
from tierra.workspace import Workspace, open_workspace

DOTENV = Path(".env")


def run_demo(project: str | None) -> None:
    """Load the data, write what is missing in .env, train, score, and say what was added."""
    started = time.perf_counter()
    name = project or _first_with_demo(load_settings().projects)
    people.print(f"[bold]loading[/] the data of {name}")
    _write_missing(_load(load_settings().projects / name, load_settings().root))
    workspace = open_workspace()
    before = _count(workspace, name)
    people.print("[bold]training[/]")
    trained = run_flow("train", name)
    people.print("[bold]scoring[/]")
    scored = run_flow("score", name)
    added = {what: count - before[what] for what, count in _count(workspace, name).items()}
    show_end("train", trained)
    show_end("score", scored)
    out.print()
    out.print(pairs({**{f"added {what}": count for what, count in added.items()},
                     "store": workspace.settings.root, "seconds": f"{time.perf_counter() - started:.0f}"}))  # fmt: skip
    if not any(added.values()):
        out.print("Nothing was added: everything was there already.")


def _first_with_demo(projects: Path) -> str:
    found = sorted(file.parent.name for file in projects.glob("*/demo.py"))
    if not found:
        raise Misconfigured("demo-not-found", f"no project under {projects}/ has a demo.py")
    return found[0]


def _load(folder: Path, home: Path) -> dict[str, str]:
    """Call the project's own loader. It returns the settings its data needs."""
    file = folder / "demo.py"
    spec = importlib.util.spec_from_file_location("demo", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise Misconfigured("demo-not-found", f"no file {file}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        needed: dict[str, str] = module.load(home)
        return needed
    except ModuleNotFoundError as error:
        raise Misconfigured("demo-data-missing", f"{file}: package {error} is not installed") from None


def _write_missing(needed: dict[str, str]) -> None:
    """Add variables to .env that it does not set yet."""
    text = DOTENV.read_text() if DOTENV.is_file() else ""
    there = {line.partition("=")[0].strip() for line in text.splitlines()}
    lines = [f"{name}={value}" for name, value in needed.items() if name not in there]
    if lines:
        DOTENV.write_text("\n".join([*text.splitlines(), *lines]) + "\n")


def _count(workspace: Workspace, name: str) -> dict[str, int]:
    """MLflow runs, snapshots and manifests there are."""
    project = workspace.project(name)
    return {
        "MLflow runs": workspace.recorder().count_runs(project.name),
        "snapshots": len(workspace.objects.names("snapshots")),
        "manifests": len(workspace.sink(project).manifests()),
    }
