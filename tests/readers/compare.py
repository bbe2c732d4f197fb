"""Compares a lake or a dump of Postgres with the vendor's JSON, field by field.

    compare.py TRUTH READER PLACE

TRUTH holds calls.jsonl or calls.jsonl.gz, users.json and server_side.json; READER is duckdb or pyarrow for a lake,
pyarrow-s3 for one in the bucket of CLARION_TEST_S3 (PLACE is then bucket and prefix),
json for a folder with one JSON list a table. Prints {"differences": [...], "rows": {...}, "values": n}. Rows of calls
that TRUTH does not know are counted in "unknown": the source has deleted them, or the product made them up.
"""

import gzip
import json
import sys
from pathlib import Path

import expected

SYSTEM = ["_extracted_at", "_loaded_at", "_run_id", "_position"]


def main():
    truth, reader, place = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    calls, users, private = load_truth(truth)
    wanted = expected.tables(calls, users, private)
    known = {call["id"] for call in calls} | {user["id"] for user in users}
    result = {"differences": [], "rows": {}, "values": 0, "unknown": {}}
    read = {"duckdb": with_duckdb, "pyarrow": with_pyarrow, "pyarrow-s3": with_pyarrow_s3, "json": with_json}[reader]
    if reader == "pyarrow":
        result["differences"] += check_files(place)
    for table, rows in wanted.items():
        found = read(place, table)
        compare(table, rows, found, known, result)
    result["differences"] = result["differences"][:50]
    print(json.dumps(result, default=str))


def load_truth(folder):
    packed = folder / "calls.jsonl.gz"
    lines = gzip.open(packed, "rt") if packed.exists() else open(folder / "calls.jsonl")
    with lines:
        calls = [json.loads(line) for line in lines]
    users = json.loads((folder / "users.json").read_text())["users"]
    return calls, users, set(json.loads((folder / "server_side.json").read_text())["private_call_ids"])


def compare(table, wanted, found, known, result):
    differences, keys = result["differences"], expected.KEYS[table]
    by_key = {}
    for row in found:
        key = tuple(row[name] for name in keys)
        if key in by_key:
            differences.append(f"{table}: {key} is there twice")
        by_key[key] = row
    unknown = [key for key in by_key if key[0] not in known]
    result["unknown"][table] = len(unknown)
    result["rows"][table] = len(by_key) - len(unknown)
    for key in by_key.keys() - wanted.keys() - set(unknown):
        differences.append(f"{table}: {key} is too many")
    for key, row in wanted.items():
        if key not in by_key:
            differences.append(f"{table}: {key} is missing")
            continue
        for name, value in row.items():
            result["values"] += 1
            compare_value(f"{table}: {name} of {key}", value, by_key[key], name, differences)
        for name in SYSTEM:
            if by_key[key].get(name) is None:
                differences.append(f"{table}: {name} of {key} is null")


def compare_value(what, wanted, row, name, differences):
    if name not in row:
        # A column that only ever held null need not be there.
        if wanted is not None:
            differences.append(f"{what}: there is no such column")
        return
    found = expected.settled(name, row[name])
    # Python takes true for 1.
    if found != wanted or isinstance(found, bool) != isinstance(wanted, bool):
        differences.append(f"{what} is {str(found)[:300]!r}, not {str(wanted)[:300]!r}")


def with_duckdb(lake, table):
    import duckdb

    if not (lake / table).exists():
        return []
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    files = str(lake / table / "**" / "*.parquet")
    # A column that only some files have must show as a difference: no union_by_name.
    query = session.execute("SELECT * FROM read_parquet(?, hive_partitioning = false)", [files])
    names = [column[0] for column in query.description]
    return [dict(zip(names, row)) for row in query.fetchall()]


def with_pyarrow(lake, table):
    import pyarrow.dataset

    if not (lake / table).exists():
        return []
    return pyarrow.dataset.dataset(lake / table, format="parquet").to_table().to_pylist()


def with_pyarrow_s3(lake, table):
    import os
    import urllib.parse

    import pyarrow.dataset
    import pyarrow.fs

    parameters = urllib.parse.parse_qs(urllib.parse.urlparse(os.environ["CLARION_TEST_S3"]).query)
    endpoint = urllib.parse.urlparse(parameters["endpoint"][0])
    s3 = pyarrow.fs.S3FileSystem(
        access_key="test", secret_key="test", region="us-east-1", scheme=endpoint.scheme, endpoint_override=endpoint.netloc
    )
    folder = f"{lake}/{table}"
    if s3.get_file_info(folder).type == pyarrow.fs.FileType.NotFound:
        return []
    return pyarrow.dataset.dataset(folder, filesystem=s3, format="parquet").to_table().to_pylist()


def with_json(folder, table):
    file = folder / f"{table}.json"
    return json.loads(file.read_text()) if file.exists() else []


def check_files(lake):
    """Table folders hold data and nothing else, and all files of a table have one schema."""
    import pyarrow.parquet

    differences = []
    for folder in sorted(lake.iterdir()):
        if folder.name.startswith("_"):
            continue
        schemas = set()
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if not (path.name.startswith("data-") and path.suffix == ".parquet"):
                differences.append(f"{path.relative_to(lake)} is no data")
                continue
            schemas.add(str(pyarrow.parquet.read_schema(path).remove_metadata()))
        if len(schemas) > 1:
            differences.append(f"{folder.name} has {len(schemas)} schemas: {schemas}")
    return differences


main()
