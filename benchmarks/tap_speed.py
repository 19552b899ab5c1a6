# Licensed under a 3-clause BSD style license - see LICENSE
"""Time and memory of complete results, beside the unsafe way, in one run.

    python benchmarks/tap_speed.py [--rows 407806] [--rounds 3]
    DACHS_URL=http://127.0.0.1:8080 python benchmarks/tap_speed.py

The embedded archive runs in a process of its own. Each time is the best of the rounds; ratios are
of times of the same run. Memory is the peak of a fresh process, less that after the imports.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

COLUMNS = "name, ra, dec, b_flux_ap"


def best(rounds, function):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def service_of(url):
    import pyvo

    return pyvo.dal.TAPService(url)


def whole(url, table, *, cache=False):
    from astroquery_cfx.tap import complete_query

    return complete_query(
        service_of(url), f"SELECT {COLUMNS} FROM {table}", cache=cache, show_progress=False
    )


def unsafe(url, table):
    query = f"SELECT TOP 9999999 {COLUMNS} FROM {table}"
    return service_of(url).run_sync(query, maxrec=9_999_999).to_table()


def time_service(label, url, table, rounds):
    from astroquery_cfx import conf

    unsafe_time, theirs = best(rounds, lambda: unsafe(url, table))
    whole_time, ours = best(rounds, lambda: whole(url, table))
    same = len(theirs) == len(ours) and set(theirs["name"]) == set(ours["name"])
    print(f"{label}: {len(ours)} rows, the same as pyvo's: {same}")
    print(f"  pyvo TOP 9999999 and to_table   {unsafe_time:7.2f} s")
    ratio = whole_time / unsafe_time
    print(f"  complete_query                  {whole_time:7.2f} s   ratio {ratio:.2f} (aim 0.40)")
    with tempfile.TemporaryDirectory() as folder, conf.set_temp("cache_folder", folder):
        first, _ = best(1, lambda: whole(url, table, cache=True))
        again, _ = best(3 * rounds, lambda: whole(url, table, cache=True))  # the first ones warm up
    print(f"  first call, keeping             {first:7.2f} s")
    print(
        f"  second call, from the cache     {again:7.2f} s   "
        f"{first / again:.0f} times faster (aim 20)"
    )
    for name, how in (("pyvo", "unsafe"), ("complete_query", "whole")):
        peak = memory(how, url, table)
        print(f"  peak memory of {name:<17}{peak:7.0f} MB above the imports")


def time_decoders(url, table, rounds):
    """The same bytes through both decoders."""
    import requests
    from astropy.io.votable import from_table, parse

    from astroquery_cfx.tap.votable import read_answer

    body = requests.post(
        f"{url}/sync",
        timeout=300,
        data={
            "REQUEST": "doQuery",
            "LANG": "ADQL",
            "QUERY": f"SELECT TOP 9999999 {COLUMNS} FROM {table}",
            "MAXREC": "9999999",
        },
    ).content
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        votable = from_table(parse(io.BytesIO(body)).get_first_table().to_table())
        votable.get_first_table().format = "binary2"
        out = io.BytesIO()
        votable.to_xml(out)
        for name, content, aim in (("BINARY", body, 12), ("BINARY2", out.getvalue(), 5)):
            pieces = [content[i : i + 65536] for i in range(0, len(content), 65536)]
            theirs, _ = best(
                1, lambda body=content: parse(io.BytesIO(body)).get_first_table().to_table()
            )
            ours, answer = best(rounds, lambda pieces=pieces: read_answer(pieces))
            print(
                f"decode {answer.num_rows} rows of {name}: "
                f"astropy {theirs:.2f} s, ours {ours:.2f} s, "
                f"{theirs / ours:.1f} times faster (aim {aim})"
            )


def memory(how, url, table):
    """Peak memory of one call in a fresh process, in MB, less that of the imports."""
    run = subprocess.run(
        [sys.executable, __file__, "--memory", how, url, table],
        capture_output=True,
        check=True,
        text=True,
    )
    return json.loads(run.stdout)


def print_memory(how, url, table):
    import pyarrow.parquet  # noqa: F401 - as every program that keeps results does

    import astroquery_cfx.tap  # noqa: F401

    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = held("VmRSS")
    (unsafe if how == "unsafe" else whole)(url, table)
    print(held("VmHWM") - before)


def held(word):
    """Memory of this process in MB, as Linux tells it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(word))


def time_growth(counts):
    """Seconds a million rows, for tables of several sizes."""
    for rows in counts:
        with archive_process(rows) as url:
            seconds, table = best(2, lambda url=url: whole(f"{url}/tap", "csc"))
        rate = seconds / len(table) * 1e6
        print(f"growth: {len(table):8d} rows in {seconds:6.2f} s, {rate:.2f} s a million")


class archive_process:  # noqa: N801 - a context manager
    """The embedded archive with a simulated catalogue, in another process."""

    code = (
        "import sys; from astroquery_cfx.archive import EmbeddedArchive\n"
        "import numpy as np; from astropy.table import Table\n"
        "n = int(sys.argv[1]); r = np.random.default_rng(1); ra = np.sort(r.uniform(0, 360, n))\n"
        "dec = np.degrees(np.arcsin(r.uniform(-1, 1, n)))\n"
        "t = Table({'name': np.char.add('2CXO J', np.arange(n).astype('U16')), "
        "'ra': ra, 'dec': dec,\n"
        "           'b_flux_ap': r.lognormal(-32, 2, n)})\n"
        "t['name'].meta['ucd'] = 'meta.id;meta.main'; t['ra'].meta['ucd'] = 'pos.eq.ra;meta.main'\n"
        "t['dec'].meta['ucd'] = 'pos.eq.dec;meta.main'\n"
        "with EmbeddedArchive({'csc': t}) as a:\n    print(a.url, flush=True); sys.stdin.read()"
    )

    def __init__(self, rows):
        self.rows = rows

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.code, str(self.rows)],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self.process.stdout.readline().strip()

    def __exit__(self, *exception):
        self.process.stdin.close()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=407_806)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth", action="store_true", help="10^5, 10^6 and 4 x 10^6 rows too")
    parser.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print_memory(*options.memory)
        return
    with archive_process(options.rows) as url:
        time_service("embedded archive", f"{url}/tap", "csc", options.rounds)
        time_decoders(f"{url}/tap", "csc", options.rounds)
    if dachs := os.environ.get("DACHS_URL"):
        time_service("DaCHS", f"{dachs.rstrip('/')}/tap", "cfx.csc", options.rounds)
        time_decoders(f"{dachs.rstrip('/')}/tap", "cfx.csc", options.rounds)
    if options.growth:
        time_growth([100_000, 1_000_000, 4_000_000])


if __name__ == "__main__":
    main()
