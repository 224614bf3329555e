"""Tables in the store: how they are encoded decides their size, never their rows."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tierra.data.counting import Frequencies
from tierra.store.objects import MemoryObjects
from tierra.store.tables import ROWS_A_GROUP, read_table, write_table

ROWS = ROWS_A_GROUP + 100


def a_table() -> pa.Table:
    random = np.random.default_rng(0)
    return pa.table(
        {
            "key": [f"k{number:07d}" for number in range(ROWS)],
            "wind": random.normal(size=ROWS),
            "zone": np.array(["a", "b"])[random.integers(0, 2, ROWS)],
            "hour": random.integers(0, 24, ROWS),
            "gap": pa.nulls(ROWS, pa.float64()),
        }
    )


def test_only_what_repeats_is_written_with_a_dictionary() -> None:
    objects = MemoryObjects()
    ref = write_table(objects, "t/", a_table().schema, [a_table()])
    metadata = pq.ParquetFile(objects.open(ref.name)).metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [group.column(number) for group in groups for number in range(metadata.num_columns)]
    assert len(groups) == 2
    assert {each.path_in_schema for each in columns if each.has_dictionary_page} == {"zone", "hour", "gap"}
    assert read_table(objects, ref).equals(a_table())


def test_a_table_without_rows_keeps_its_columns() -> None:
    objects, schema = MemoryObjects(), a_table().schema
    ref = write_table(objects, "t/", schema, [])
    assert ref.rows == 0
    assert read_table(objects, ref).schema == schema


def test_the_most_frequent_values_are_those_that_sorting_all_of_them_finds() -> None:
    random, counted = np.random.default_rng(0), Frequencies(64)
    for rows in (64, 65, 100, 5_000):
        for most in (1, 2, 1_000):
            counts, hashes = random.integers(1, most + 1, rows), random.permutation(rows).astype(np.uint64)
            sorted_all = np.lexsort((hashes, -counts))[:64] if rows > 64 else np.arange(rows)
            assert (counted._best(counts, hashes) == sorted_all).all()
