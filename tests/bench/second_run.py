"""A process that fits models until it is ended: what a second run does to the figures of a first."""

from typing import NoReturn

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier


def main() -> NoReturn:
    random = np.random.default_rng(0)
    rows, labels = random.random((50_000, 10)), random.integers(0, 2, 50_000)
    while True:
        HistGradientBoostingClassifier(max_iter=100).fit(rows, labels)


if __name__ == "__main__":
    main()
