"""What a peer is given, and what it hands back: the one module that runs in every peer's own environment."""

import json
import os
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Given:
    """The rows to learn from, those to predict (without the target), the task, and how long one may take."""

    folder: Path
    out: Path
    train: pd.DataFrame
    test: pd.DataFrame
    target: str
    task: str
    metric: str
    order: str
    budget: int

    def hand_in(self, predictions: Any, size: int) -> None:
        """Keep the predictions: a column a class, or of two classes the second's probability, or the number."""
        pd.DataFrame(predictions).to_csv(self.out / "predictions.csv", index=False)
        print(json.dumps({"bytes": size}))


def given() -> Given:
    """What the command line names: the folder of a data set, and one for the results."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    facts = json.loads((folder / "facts.json").read_text())
    # Classes are names, whatever they look like.
    texts = {} if facts["task"] == "regression" else {facts["target"]: str}
    train, test = pd.read_csv(folder / "train.csv", dtype=texts), pd.read_csv(folder / "test.csv")
    return Given(folder, out, train, test, **facts)


def of_classes(probabilities: Any, task: str) -> Any:
    """Probabilities in the order of the classes; of two, the second's alone."""
    return pd.DataFrame(probabilities).iloc[:, 1] if task == "binary" else pd.DataFrame(probabilities)


def pickled(model: Any) -> int:
    """How large a model is that is kept by pickle."""
    return len(pickle.dumps(model))


def folder_size(folder: Path) -> int:
    """How large a folder of models is."""
    return sum(os.path.getsize(file) for file in folder.rglob("*") if file.is_file())
