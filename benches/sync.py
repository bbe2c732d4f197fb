#!/usr/bin/env python3
"""Measures the main job: list, details, journal and destination in one `clarion sync` against the simulator.

    benches/sync.py                              5,000 calls into Parquet
    benches/sync.py --calls 20000                memory must stay flat
    benches/sync.py --postgres URL               into Postgres, child tables included
    benches/sync.py --calls 300 --rate 10 --pace 9   at the vendor's limit
    benches/sync.py --again                      a second sync with nothing new

Wall time is that of the whole process; CPU and peak memory are the product's own, without simulator and Postgres.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request


def main():
    args = arguments()
    if not args.binary:
        subprocess.run(["cargo", "build", "--release", "--package", "clarion-cli"], check=True)
    binary = os.path.abspath(args.binary or "target/release/clarion")
    for run in range(args.runs):
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            measure(args, binary, folder, run)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rate", type=int, default=0, help="the simulator's limit, requests a second; 0 = none")
    parser.add_argument("--pace", type=float, default=0, help="the product's pace, requests a second; 0 = none")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--postgres", help="URL of a database; its schema clari_bench is dropped first")
    parser.add_argument("--again", action="store_true", help="also measure a second sync with nothing new")
    parser.add_argument("--binary", help="a built `clarion`; without it a release build is made")
    parser.add_argument("--folder", help="where the data goes")
    return parser.parse_args()


def measure(args, binary, folder, run):
    simulator = subprocess.Popen(
        [binary, "simulator", "--port", "0", "--calls", str(args.calls), "--turns", str(args.turns),
         "--rate", str(args.rate), "--weekly-quota", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = simulator.stdout.readline().strip()
        configure(args, folder, url)
        report(args, sync(binary, folder), url, f"run {run + 1}")
        if args.again:
            report(args, sync(binary, folder), url, "again")
    finally:
        simulator.terminate()
        simulator.wait()


def configure(args, folder, url):
    destination = '[[destinations]]\nname = "lake"\nkind = "parquet"\nurl = "file://lake"\n'
    if args.postgres:
        subprocess.run(["psql", "-q", args.postgres, "-c", "DROP SCHEMA IF EXISTS clari_bench CASCADE"],
                       check=True, stderr=subprocess.DEVNULL)
        destination = (f'[[destinations]]\nname = "warehouse"\nkind = "postgres"\nschema = "clari_bench"\n'
                       f'url = "{args.postgres}"\n')
    with open(os.path.join(folder, "clarion.toml"), "w", encoding="utf-8") as file:
        file.write(f'[source]\nbase_url = "{url}"\nrequests_per_second = {args.pace}\nweekly_requests = 0\n'
                   f'concurrency = {args.concurrency}\nhistory_start = "800d"\n{destination}')


def sync(binary, folder):
    environment = dict(os.environ, CLARI_API_KEY="demo", CLARI_API_PASSWORD="demo")
    output = os.path.join(folder, "report.json")
    begun = time.monotonic()
    with open(output, "w", encoding="utf-8") as stdout:
        process = subprocess.Popen([binary, "sync", "--json"], cwd=folder, env=environment, stdout=stdout)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    with open(output, encoding="utf-8") as file:
        done = json.load(file)
    if status != 0:
        sys.exit(f"sync ended with status {status}: {done.get('errors')}")
    return done, seconds, usage


def report(args, measured, url, title):
    done, seconds, usage = measured
    cpu = usage.ru_utime + usage.ru_stime
    details = done["streams"].get("call_details", {}).get("fetched", 0)
    rows = {name: sum(destination["rows"].values()) for name, destination in done["destinations"].items()}
    loads = {name: round(destination["seconds"], 2) for name, destination in done["destinations"].items()}
    with urllib.request.urlopen(f"{url}/_control/counts") as answer:
        counts = answer.read().decode()
    requests = done["requests"]
    print(f"{title}: {args.calls} calls, {details} details, {seconds:.2f} s, {args.calls / seconds:.0f} calls/s, "
          f"{cpu:.2f} CPU s ({usage.ru_utime:.2f} user), {args.calls / cpu:.0f} calls/CPU s, "
          f"peak {usage.ru_maxrss / 1024:.0f} MB, rows {rows}, load s {loads}")
    print(f"  requests {requests['total']} ({requests['total'] / seconds:.2f}/s), refused {requests['rate_limited']}, "
          f"retried {requests['retried']}; simulator: {re.sub(chr(10), ' ', counts)[:200]}")


if __name__ == "__main__":
    main()
