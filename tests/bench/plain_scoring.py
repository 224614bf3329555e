"""A day scored by a plain script: the same libraries and calls, no store, no protocol, no receipt.

`python -m tests.bench.plain_scoring SOURCE MODEL DAY FILE`: read the day, check the key and one expectation,
load the model, predict, write.
"""

import sys
from pathlib import Path

from tests.bench.workload import FEATURES


def main(source: str, model: str, day: str, file: str) -> None:
    import great_expectations as gx
    import pandas as pd
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq
    from skops.io import get_untrusted_types, loads

    rows = pa.csv.read_csv(source).to_pandas()
    rows = rows[rows["day"].astype(str) == day]
    assert rows["ride_id"].is_unique
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": rows})
    assert batch.validate(gx.expectations.ExpectColumnValuesToBeBetween(column="km", min_value=0)).success
    data = Path(model).read_bytes()
    served = loads(data, trusted=get_untrusted_types(data=data))
    probability = served.predict_proba(rows[FEATURES])[:, 1]
    table = pd.DataFrame({"ride_id": rows["ride_id"], "probability": probability}).sort_values("ride_id")
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), file)


if __name__ == "__main__":
    main(*sys.argv[1:])
