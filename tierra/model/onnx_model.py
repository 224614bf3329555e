"""Models in ONNX inside the one artifact: plain bytes, looked through before anything runs them.

An ONNX file can name other files to read (external data), operators of somebody's own, functions and settings of the
runtime. None of that is let in: what is admitted is a short list of operators that compute a linear model or trees.
"""

from functools import lru_cache
from typing import Any, Final, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from tierra.errors import Broken, Misconfigured

DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})
OPERATORS: Final = frozenset(
    {"Abs", "Add", "ArgMax", "ArrayFeatureExtractor", "Cast", "Concat", "Div", "Identity", "MatMul", "Mul",
     "Normalizer", "ReduceSum", "Reshape", "Sigmoid", "Softmax", "Sub", "TreeEnsembleClassifier",
     "TreeEnsembleRegressor"}
)  # fmt: skip
LARGEST: Final = 500_000_000  # bytes; protobuf ends at 2 GB
KEPT_OPEN: Final = 8


class _OnnxEstimator(BaseEstimator):
    """A converted model: its file, and of trees the numbers that they split at.

    The runtime computes trees in single precision, in which a number can change sides at a split. So a row comes as
    the place of each number among the splits, found in double precision: small whole numbers, that single precision
    holds exactly. `edges` holds the splits of all columns one after the other, `starts` where each column's begin.
    """

    def __init__(
        self, data: bytes = b"", edges: np.ndarray | None = None, starts: np.ndarray | None = None,
        single: bool = False, classes: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.data = data
        self.edges = edges
        self.starts = starts
        self.single = single
        self.classes = classes

    def fit(self, table: Any, target: Any = None) -> Self:
        """Nothing to learn: it is converted from a fitted model."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _run(self, encoded: Any) -> np.ndarray:
        rows = np.asarray(encoded.toarray() if hasattr(encoded, "toarray") else encoded, float)
        session = open_session(self.data)
        given = {session.get_inputs()[0].name: rows if self.edges is None else self._places(rows)}
        return np.asarray(session.run(None, given)[-1], float)

    def _places(self, rows: np.ndarray) -> np.ndarray:
        """Of each number, how many splits of its column lie below it; gaps stay gaps."""
        assert self.edges is not None
        assert self.starts is not None
        # Forests of scikit-learn round a number before they compare it.
        seen, places = rows.astype(np.float32).astype(float) if self.single else rows, np.zeros(rows.shape, np.float32)
        for column in range(rows.shape[1]):
            splits = self.edges[self.starts[column] : self.starts[column + 1]]
            places[:, column] = np.searchsorted(splits, seen[:, column])
        places[np.isnan(rows)] = np.nan
        return places


class OnnxClassifier(ClassifierMixin, _OnnxEstimator):
    """A classifier in ONNX."""

    @property
    def classes_(self) -> np.ndarray:
        """The codes of the classes."""
        assert self.classes is not None
        return self.classes

    def predict_proba(self, encoded: Any) -> np.ndarray:
        """Probabilities of the classes, shape (rows, classes)."""
        return self._run(encoded)

    def predict(self, encoded: Any) -> np.ndarray:
        """The likeliest class."""
        chosen: np.ndarray = self.classes_[self._run(encoded).argmax(axis=1)]
        return chosen


class OnnxRegressor(RegressorMixin, _OnnxEstimator):
    """A regressor in ONNX."""

    def predict(self, encoded: Any) -> np.ndarray:
        """The predicted numbers."""
        return self._run(encoded).ravel()


@lru_cache(maxsize=KEPT_OPEN)
def open_session(data: bytes) -> Any:
    """The runtime's session of a file that was looked through, on one thread. Raises Broken or Misconfigured."""
    check_onnx(data)
    runtime = import_extra("onnxruntime")
    options = runtime.SessionOptions()
    # A sum in another order has other last bits, and a row alone must get what it gets among others.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime may raise anything for a file it does not take
        raise Broken("artifact-unsafe", f"its ONNX does not load: {type(error).__name__}") from error


def check_onnx(data: bytes) -> None:
    """Raise Broken unless the bytes are an ONNX file of known operators that needs nothing but itself."""
    if not isinstance(data, bytes):  # whoever writes an artifact can put anything there
        raise Broken("artifact-unsafe", f"its ONNX is no file but a {type(data).__name__}")
    if len(data) > LARGEST:
        raise Broken("artifact-unsafe", f"its ONNX has {len(data):,} bytes")
    onnx = import_extra("onnx")
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's own errors, and others for hostile bytes
        raise Broken("artifact-unsafe", f"its ONNX cannot be read: {type(error).__name__}") from error
    if strange := _strange(model):
        raise Broken("artifact-unsafe", f"its ONNX has {strange}")


def _strange(model: Any) -> str:
    """What in an ONNX file is not admitted; empty for nothing."""
    extras = ("functions", "training_info", "metadata_props", "configuration")
    if found := next((name for name in extras if len(getattr(model, name, ()))), ""):
        return found
    if found := next((each.domain for each in model.opset_import if each.domain not in DOMAINS), ""):
        return f"the domain {found[:80]!r}"
    return next(filter(None, map(_strange_part, _parts(model.graph))), "")


def _parts(message: Any) -> Any:
    """A message of protobuf and all that are inside it, however deep."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        yield part
        for field, value in part.ListFields():
            if field.message_type is not None:
                waiting.extend([value] if hasattr(value, "ListFields") else value)


def _strange_part(part: Any) -> str:
    match part.DESCRIPTOR.name:
        case "NodeProto":
            known = part.domain in DOMAINS and part.op_type in OPERATORS
            return "" if known else f"the operator {f'{part.domain}:{part.op_type}'[:80]!r}"
        case "TensorProto":
            return "external data" if part.data_location or len(part.external_data) else ""
        case "GraphProto":
            return "metadata" if len(part.metadata_props) else ""
        case _:
            return ""


def import_extra(module: str) -> Any:
    """A library of the extra `onnx`. Raises Misconfigured where it is not installed."""
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError:
        raise Misconfigured("onnx-missing", f"{module} is not installed, and ONNX needs it") from None
