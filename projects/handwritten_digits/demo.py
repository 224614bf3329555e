"""Writes the digits that come with scikit-learn to a CSV file, once."""

from pathlib import Path


def load(home: Path) -> dict[str, str]:
    """Make the file unless it stands. It needs no settings."""
    from sklearn.datasets import load_digits

    file = Path(__file__).parent / "data" / "digits.csv"
    if not file.is_file():
        file.parent.mkdir(exist_ok=True)
        digits = load_digits(as_frame=True).frame.rename(columns={"target": "digit"})
        digits.insert(0, "image", range(1, len(digits) + 1))
        partial = file.with_suffix(".partial")
        digits.to_csv(partial, index=False)
        partial.rename(file)
    return {}
