"""Correlations between the columns of a sample."""

import numpy as np
import pyarrow as pa
import pyarrow.types as t

from tierra.data.profile import Correlations

COLUMNS = 40
CONSIDERED = 200
CATEGORIES = 50


def correlate(sample: pa.Table, key: tuple[str, ...] = ()) -> Correlations:
    """Pearson's r between numbers over the rows that have both, else the correlation ratio or Cramér's V.

    Of many numbers, those that correlate with another most strongly are kept;
    texts take part when few values differ.
    """
    names = [name for name in sample.column_names if name not in key]
    numbers, texts = _number_columns(sample, names), _text_columns(sample, names)
    pearson = _pearson(np.column_stack(list(numbers.values()))) if numbers else np.empty((0, 0))
    best = _strongest(pearson, COLUMNS - len(texts))
    chosen = {name: numbers[name] for name in np.array(list(numbers), object)[best]} | texts
    full = np.full((len(chosen), len(chosen)), np.nan)
    full[: len(best), : len(best)] = pearson[np.ix_(best, best)]
    _fill(full, list(chosen.values()), len(best))
    return _as_value(list(chosen), full, [name for name in names if name in chosen])


def _number_columns(sample: pa.Table, names: list[str]) -> dict[str, np.ndarray]:
    """The first columns of numbers that are not constant."""
    columns = {name: _numbers(sample.column(name)) for name in names if _is_number(sample.schema.field(name).type)}
    return dict([(name, values) for name, values in columns.items() if _varies(values)][:CONSIDERED])


def _text_columns(sample: pa.Table, names: list[str]) -> dict[str, np.ndarray]:
    """The first columns of text with few distinct values, as codes."""
    columns = {name: _codes(sample.column(name)) for name in names if t.is_string(sample.schema.field(name).type)}
    few = [(name, codes) for name, codes in columns.items() if 1 < codes.max(initial=-1) + 1 <= CATEGORIES]
    return dict(few[: COLUMNS // 2])


def _is_number(kind: pa.DataType) -> bool:
    return t.is_integer(kind) or t.is_floating(kind) or t.is_boolean(kind)


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    values = column.cast(pa.float64(), safe=False).to_numpy()
    return np.where(np.isfinite(values) & (np.abs(values) < 1e150), values, np.nan)


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    encoded = column.combine_chunks().dictionary_encode()
    chunk = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    return np.asarray(chunk.indices.fill_null(-1))


def _varies(values: np.ndarray) -> bool:
    present = values[~np.isnan(values)]
    return len(present) > 1 and bool((present != present[0]).any())


def _pearson(values: np.ndarray) -> np.ndarray:
    """Over the rows where both columns have a value, as pandas does, by matrix products."""
    present = ~np.isnan(values)
    centred = np.where(present, values - np.nanmean(values, axis=0), 0.0)
    centred /= np.maximum(np.abs(centred).max(axis=0), np.finfo(float).tiny)
    weight = present.astype(float)
    rows, sums, squares = weight.T @ weight, centred.T @ weight, np.square(centred).T @ weight
    with np.errstate(all="ignore"):
        shared = centred.T @ centred - sums * sums.T / rows
        spread = squares - np.square(sums) / rows
        found = shared / np.sqrt(spread * spread.T)
        sound = (spread > 1e-9 * squares) & (spread.T > 1e-9 * squares.T)
    return np.where(sound, np.clip(found, -1, 1), np.nan)


def _strongest(pearson: np.ndarray, number: int) -> np.ndarray:
    others = np.abs(np.nan_to_num(pearson - np.diag(np.diag(pearson))))
    return np.sort(np.argsort(-others.max(axis=0, initial=0.0), kind="stable")[:number])


def _fill(full: np.ndarray, columns: list[np.ndarray], numbers: int) -> None:
    for row in range(numbers, len(columns)):
        full[row, row] = 1.0
        for column in range(row):
            measure = _ratio if column < numbers else _cramer
            full[row, column] = full[column, row] = measure(columns[column], columns[row])


def _ratio(values: np.ndarray, codes: np.ndarray) -> float:
    """The correlation ratio: the root of the share of variance between the groups."""
    both = ~np.isnan(values) & (codes >= 0)
    values, codes = values[both], codes[both]
    total = np.square(values - values.mean()).sum() if len(values) else 0.0
    if not total > 0:
        return float("nan")
    rows = np.maximum(np.bincount(codes), 1)
    between = (rows * np.square(np.bincount(codes, values) / rows - values.mean()))[np.bincount(codes) > 0].sum()
    return float(np.sqrt(min(between / total, 1.0)))


def _cramer(one: np.ndarray, other: np.ndarray) -> float:
    both = (one >= 0) & (other >= 0)
    width = int(other.max()) + 1
    seen = np.bincount(one[both] * width + other[both], minlength=(int(one.max()) + 1) * width).reshape(-1, width)
    seen = seen[seen.sum(axis=1) > 0][:, seen.sum(axis=0) > 0]
    if min(seen.shape, default=0) < 2:
        return float("nan")
    expected = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / seen.sum()
    chi = (np.square(seen - expected) / expected).sum()
    return float(np.sqrt(chi / seen.sum() / (min(seen.shape) - 1)))


def _as_value(names: list[str], full: np.ndarray, order: list[str]) -> Correlations:
    place = [names.index(name) for name in order]
    rows = [[None if np.isnan(each) else round(float(each), 4) for each in row] for row in full[np.ix_(place, place)]]
    return Correlations(columns=tuple(order), values=tuple(tuple(row) for row in rows))
