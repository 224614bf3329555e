"""Models in ONNX: they say what the model said, row by row too; and files that reach for more are refused."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier

from tests.cases import each
from tierra.errors import Broken, Misconfigured
from tierra.model import onnx_model
from tierra.model.onnx_export import as_onnx
from tierra.model.onnx_model import OnnxClassifier, check_onnx, open_session

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(600, 4))
CLASSES = (ROWS[:, 0] + ROWS[:, 1] ** 2 > 1).astype(int) + (ROWS[:, 2] > 1)
GAPS = np.where(RANDOM.random(ROWS.shape) < 0.1, np.nan, ROWS)


def scores(model: Any, rows: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows))


def edges_of(rows: np.ndarray) -> np.ndarray:
    """Numbers of the rows, their neighbours in double precision, which single precision cannot tell apart, and ends."""
    known = np.concatenate([rows.ravel(), np.nextafter(rows, np.inf).ravel(), [np.nan, np.inf, -np.inf]])
    return RANDOM.choice(known, (400, 4))


def test_a_converted_model_says_the_same_of_any_row_among_others_and_alone() -> None:
    def compared(model: Any, target: np.ndarray, rows: np.ndarray, tolerance: float) -> None:
        fitted = model.fit(rows, target)
        made, asked = as_onnx(fitted), rows if np.isfinite(rows).all() else np.vstack([rows, edges_of(rows)])
        asked = np.where(np.isinf(asked), 1e30, asked) if "Forest" in type(model).__name__ else asked
        found = scores(made, asked)
        assert np.abs(found - scores(fitted, asked)).max() <= tolerance * np.abs(found).max()
        alone = np.concatenate([scores(made, asked[[row]]) for row in range(0, len(asked), 29)])
        is_linear = hasattr(model, "coef_")  # whose sums have other last bits, as those of scikit-learn
        assert np.allclose(alone, found[::29], rtol=1e-13 if is_linear else 0, atol=0)

    each(
        [
            (HistGradientBoostingClassifier(max_iter=12), CLASSES, GAPS, 1e-6),
            (HistGradientBoostingRegressor(max_iter=12), ROWS[:, 0] ** 3, GAPS, 1e-6),
            (RandomForestClassifier(8, min_samples_leaf=5), CLASSES, GAPS, 1e-6),
            (ExtraTreesRegressor(8, min_samples_leaf=5), ROWS[:, 0] ** 3, ROWS, 1e-6),
            (LogisticRegression(), CLASSES, ROWS, 1e-14),
            (Ridge(), ROWS[:, 0] * 1e6, ROWS, 1e-14),
        ],
        compared,
    )


def test_a_model_without_a_conversion_says_so() -> None:
    with pytest.raises(Misconfigured, match=r"^KNeighborsClassifier has no conversion.*onnx-unsupported"):
        as_onnx(KNeighborsClassifier().fit(ROWS, CLASSES))


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    data = as_onnx(Ridge().fit(ROWS, CLASSES)).data
    open_session.cache_clear()
    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(Misconfigured, match=r"^onnx is not installed.*tierra\[onnx\].*onnx-missing"):
        open_session(data)


def a_file(*nodes: Any, initializers: Any = (), **more: Any) -> bytes:
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 2])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "hostile", [rows], [out], initializer=list(initializers))
    model = helper.make_model(graph, opset_imports=more.pop("opset_imports", [helper.make_opsetid("", 13)]), **more)
    return bytes(model.SerializeToString())


def outside(path: str) -> Any:
    """A tensor whose values lie in another file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=path)
    return tensor


def add(**more: Any) -> Any:
    return helper.make_node("Add", ["rows", "w"], ["out"], **more)


def test_files_that_reach_for_more_than_themselves_are_refused() -> None:
    def refused(data: Any, what: str) -> None:
        with pytest.raises(Broken, match=rf"^its ONNX {what}.*artifact-unsafe"):
            check_onnx(data)
        with pytest.raises(Broken):
            OnnxClassifier(data, classes=np.arange(2)).predict_proba(np.zeros((1, 2)))

    hidden = outside("w.bin")
    hidden.data_location = TensorProto.DEFAULT  # named, though not declared
    branch = helper.make_graph([helper.make_node("Constant", [], ["b"], value=outside("/etc/hostname"))], "b", [],
                               [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)])  # fmt: skip
    inner = helper.make_node("If", ["rows"], ["out"], then_branch=branch, else_branch=branch)
    in_attribute = helper.make_node("Reshape", ["rows"], ["out"], value=outside("../../secret"))
    strange = [helper.make_opsetid("", 13), helper.make_opsetid("evil.org", 1)]
    function = helper.make_function("", "F", ["x"], ["y"], [add()], [helper.make_opsetid("", 13)])
    with_metadata = onnx.load_model_from_string(a_file(add()))
    with_metadata.metadata_props.add(key="ort_config", value="{}")
    each(
        [
            (a_file(add(), initializers=[outside("../../etc/passwd")]), "has external data"),
            (a_file(add(), initializers=[outside("/etc/passwd")]), "has external data"),
            (a_file(add(), initializers=[hidden]), "has external data"),
            (a_file(in_attribute), "has external data"),
            (a_file(inner), "has the operator ':If'"),
            (a_file(add(domain="evil.org")), "has the operator 'evil.org:Add'"),
            (a_file(add(), opset_imports=strange), "has the domain 'evil.org'"),
            (a_file(helper.make_node("Loop", ["rows", "w"], ["out"])), "has the operator ':Loop'"),
            (a_file(add(), functions=[function]), "has functions"),
            (with_metadata.SerializeToString(), "has metadata_props"),
            (a_file(add())[:-7], "cannot be read"),
            (b"no model", "cannot be read"),
            (("no", "bytes"), "is no file but a tuple"),
        ],
        refused,
    )


def test_what_does_not_load_is_told_in_one_line_and_a_size_is_the_first_thing_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Broken, match=r"^its ONNX does not load: \w+.*artifact-unsafe"):
        open_session(a_file(add()))  # what it adds is nowhere
    monkeypatch.setattr(onnx_model, "LARGEST", 10)
    with pytest.raises(Broken, match=r"^its ONNX has \d+ bytes"):
        check_onnx(a_file(add()))
