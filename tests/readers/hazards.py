"""Reads tables of a lake with DuckDB and with pyarrow, and prints what each shows.

    hazards.py LAKE TABLE...

Prints {"duckdb": {"calls": [row, ...]}, "pyarrow": {...}, "types": {"calls": {column: DuckDB's type}}}. Times are
written as 2024-11-20T13:00:00.000000Z; everything else is as the reader gives it.
"""

import datetime
import json
import sys
from pathlib import Path

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def main():
    lake, tables = Path(sys.argv[1]), sys.argv[2:]
    shown = {"duckdb": {}, "pyarrow": {}, "types": {}}
    for table in tables:
        rows, types = with_duckdb(lake, table)
        shown["duckdb"][table], shown["types"][table] = rows, types
        shown["pyarrow"][table] = with_pyarrow(lake, table)
    print(json.dumps(shown, default=written))


def with_duckdb(lake, table):
    import duckdb

    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    files = str(lake / table / "**" / "*.parquet")
    query = session.execute("SELECT * FROM read_parquet(?, hive_partitioning = false)", [files])
    names = [column[0] for column in query.description]
    types = {column[0]: str(column[1]) for column in query.description}
    return [dict(zip(names, row)) for row in query.fetchall()], types


def with_pyarrow(lake, table):
    import pyarrow.dataset

    return pyarrow.dataset.dataset(lake / table, format="parquet").to_table().to_pylist()


def written(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    raise TypeError(f"{type(value)} is not expected")


if __name__ == "__main__":
    main()
