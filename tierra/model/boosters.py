"""Estimators of boosting libraries: their whole state is the library's own text of the model, and the text's digest."""

import hashlib
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_sample_weight


class BadText(ValueError):
    """A text that is not what our models write."""


class Booster(BaseEstimator):
    """A model that is kept as a text in the attribute `kept_in`. The library is given what was read strictly before."""

    kept_in: ClassVar[str]
    class_weight: Any = None

    def booster_of(self, text: str) -> Any:
        """The library's model of a text. Raises BadText."""
        raise NotImplementedError

    def scores(self, rows: Any) -> np.ndarray:
        """What the library predicts of rows: numbers, or probabilities of classes."""
        raise NotImplementedError

    def keep(self, text: str, columns: int) -> Self:
        """Become the model of this text, of so many columns."""
        self.sha256_, self.n_features_in_ = hashlib.sha256(text.encode()).hexdigest(), columns
        setattr(self, self.kept_in, text)
        self._open()
        return self

    def _open(self) -> None:
        text = getattr(self, self.kept_in)
        if not isinstance(text, str) or hashlib.sha256(text.encode()).hexdigest() != getattr(self, "sha256_", None):
            raise BadText("its text is not the one whose digest it holds")
        self._booster = self.booster_of(text)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_booster"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.kept_in in state:
            self._open()


class BoosterOfClasses(ClassifierMixin, Booster):
    """The same for classes."""

    def codes_of(self, target: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """Codes of the classes from 0, which are kept, and the weights with those of the classes in them."""
        self.classes_, codes = np.unique(target, return_inverse=True)
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, target)
            weight = by_class if weight is None else by_class * weight
        return codes, weight

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Probabilities of the classes, shape (rows, classes)."""
        scores = self.scores(rows)
        return np.column_stack([1 - scores, scores]) if scores.ndim == 1 else scores

    def predict(self, rows: Any) -> np.ndarray:
        """The likeliest class."""
        chosen: np.ndarray = self.classes_[self.predict_proba(rows).argmax(axis=1)]
        return chosen


class BoosterOfNumbers(RegressorMixin, Booster):
    """The same for numbers."""

    def predict(self, rows: Any) -> np.ndarray:
        """The predicted numbers."""
        return self.scores(rows)
