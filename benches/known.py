#!/usr/bin/env python3
"""Measures what comes after the first sync of a large workspace: an idle sync, changed calls, a plan, the state's size.

    benches/known.py target/release/clarion            100,000 known calls
    benches/known.py target/release/clarion --calls N

Wall and CPU time and peak memory are those of the product's process, without the simulator.
"""

import argparse
import datetime
import json
import os
import subprocess
import tempfile
import time
import urllib.request

HEADERS = {"X-Api-Key": "demo", "X-Api-Password": "demo"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--calls", type=int, default=100_000)
    args = parser.parse_args()
    binary = os.path.abspath(args.binary)
    simulator = subprocess.Popen(
        [binary, "simulator", "--port", "0", "--calls", str(args.calls), "--turns", "2", "--rate", "0",
         "--weekly-quota", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            measure(binary, folder, simulator.stdout.readline().strip(), args.calls)
    finally:
        simulator.kill()


def measure(binary, folder, url, calls):
    with open(os.path.join(folder, "clarion.toml"), "w", encoding="utf-8") as file:
        file.write(f'[source]\nbase_url = "{url}"\nrequests_per_second = 0\nweekly_requests = 0\n'
                   'history_start = "3000d"\n'
                   '[[destinations]]\nname = "lake"\nkind = "parquet"\nurl = "file://lake"\n')
    for command in (["sync"], ["sync"], ["plan"], ["plan", "--from", "3000d"]):
        run(binary, folder, command)
    data = os.path.join(folder, "data")
    state = sum(os.path.getsize(os.path.join(data, name)) for name in os.listdir(data) if name.startswith("state"))
    print(f"state store: {state / calls:.0f} bytes a call")
    print(f"{change(url)} calls changed")
    run(binary, folder, ["sync"])


def run(binary, folder, command):
    environment = dict(os.environ, CLARI_API_KEY="demo", CLARI_API_PASSWORD="demo")
    begun = time.monotonic()
    process = subprocess.Popen([binary, "--json", *command], cwd=folder, env=environment, stdout=subprocess.PIPE,
                               text=True)
    document = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    requests = document["requests"]
    total = requests["total"] if isinstance(requests, dict) else f"{document['requests_made']} of its own"
    print(f"{' '.join(command)}: exit {os.waitstatus_to_exitcode(status)}, {seconds:.2f} s, "
          f"{usage.ru_utime + usage.ru_stime:.2f} CPU s, peak {usage.ru_maxrss // 1024} MB, requests {total}")


def change(url):
    """A new status for up to 100 calls."""
    query = "/calls?limit=100&sortTime=asc&filterStatus=PROCESSED&includePrivate=true"
    with urllib.request.urlopen(urllib.request.Request(url + query, headers=HEADERS)) as answer:
        ids = [call["id"] for call in json.load(answer)["calls"]]
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    for call in ids:
        edit = json.dumps({"set_status": {"id": call, "status": "POST_PROCESSING_DONE", "at": now}}).encode()
        urllib.request.urlopen(urllib.request.Request(
            url + "/_control/edit", data=edit, headers={"content-type": "application/json"}))
    return len(ids)


if __name__ == "__main__":
    main()
