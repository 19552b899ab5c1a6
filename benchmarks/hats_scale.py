# Licensed under a 3-clause BSD style license - see LICENSE
"""
Cross-match a catalogue that does not fit in a Dask worker's memory, and compare all pairs.

It writes a clustered sky as a HATS catalogue of at least 50 partitions, and 7,195 sources with
error ellipses as another; matches them on one worker process whose memory limit is below the size
of the rows, with spilling to disk switched off, and writes the pairs; and compares these with the
result of `crossmatch_tables` on the same rows::

    python benchmarks/hats_scale.py [--rows 20000000] [--memory 1GiB] [--folder FOLDER]

It needs the extra ``hats``.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import dask
import lsdb
import numpy as np
from astropy import units as u
from astropy.table import Table
from dask.distributed import Client
from dask.utils import parse_bytes

from astroquery_cfx import ErrorEllipse, crossmatch_tables
from astroquery_cfx.hats import crossmatch_hats, to_hats

ELLIPSE = ErrorEllipse("major", "minor", "angle")
REGIONS = {"0.1 deg": 0.1 * u.deg, "ellipses": ELLIPSE}
NO_SPILLING = {f"distributed.worker.memory.{key}": False for key in ("target", "spill")}


def clustered_sky(random, rows, centres):
    """Return positions: half of them uniform over the sky, half in fields of 0.15 deg."""
    ra = random.uniform(0, 360, rows)
    dec = np.degrees(np.arcsin(random.uniform(-1, 1, rows)))
    field = random.integers(0, len(centres[0]), rows // 2)
    dec[: rows // 2] = np.clip(centres[1][field] + random.normal(0, 0.15, rows // 2), -90, 90)
    width = 0.15 / np.maximum(np.cos(np.radians(dec[: rows // 2])), 0.01)
    ra[: rows // 2] = (centres[0][field] + width * random.normal(size=rows // 2)) % 360
    return ra * u.deg, dec * u.deg


def tables(rows, sources=7_195):
    """Return both tables: ten columns on the left, error ellipses as in 4FGL on the right."""
    random = np.random.default_rng(3387)
    centres = random.uniform(0, 360, 1500), np.degrees(np.arcsin(random.uniform(-1, 1, 1500)))
    ra, dec = clustered_sky(random, rows, centres)
    left = {"row": np.arange(rows), "ra": ra, "dec": dec}
    left |= {f"flux_{band}": random.lognormal(size=rows) for band in range(7)}
    ra, dec = clustered_sky(random, sources, centres)
    major = np.minimum(random.lognormal(np.log(0.072), 0.6, sources), 0.8645)
    right = {
        "source": np.arange(sources),
        "lon": ra,
        "lat": dec,
        "major": major * u.deg,
        "minor": major * random.uniform(0.4, 1, sources) * u.deg,
        "angle": random.uniform(-90, 90, sources) * u.deg,
    }
    for name in ("lon", "lat"):
        right[name.replace("lon", "RAJ2000").replace("lat", "DEJ2000")] = right.pop(name)
    return Table(left, copy=False), Table(right, copy=False)


def peak_memory():
    """Return the peak resident memory of this process in MB (Linux; rusage has the parent's)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def timed(function, *args):
    begin = time.perf_counter()
    result = function(*args)
    return result, round(time.perf_counter() - begin, 2)


def differences(frame, expected):
    """Count the values of all columns that differ from those in memory, in the same order."""
    frame = frame.sort_values(["source", "separation", "row"])
    expected = expected[np.lexsort((expected["row"], expected["separation"], expected["source"]))]
    if len(frame) != len(expected):
        return abs(len(frame) - len(expected))
    return int(
        sum(
            np.sum(frame[name].to_numpy() != np.asarray(expected[name]))
            for name in expected.colnames
        )
    )


def run(rows, memory, folder):
    left, right = tables(rows)
    size = sum(left[name].nbytes for name in left.colnames) / 1e6
    print(f"{rows} rows of {size:.0f} MB, {len(right)} sources; worker limit {memory}", flush=True)
    _, seconds = timed(lambda: to_hats(left, folder / "left", margin=None, partition_rows=250_000))
    to_hats(right, folder / "right", margin=0.9 * u.deg)
    files = list((folder / "left").rglob("Npix=*.parquet"))
    report = {
        "rows": rows,
        "left_MB": round(size),
        "limit_MB": round(parse_bytes(memory) / 1e6),
        "partitions": len(files),
        "to_hats_s": seconds,
    }
    print(report, flush=True)
    with (
        dask.config.set(NO_SPILLING),
        Client(
            n_workers=1, threads_per_worker=2, memory_limit=memory, dashboard_address=None
        ) as client,
    ):
        report["worker_before_MB"] = round(max(client.run(peak_memory).values()))
        for name, region in REGIONS.items():
            pairs, planned = timed(crossmatch_hats, folder / "left", folder / "right", region)
            _, seconds = timed(
                lambda pairs=pairs, name=name: pairs.write_catalog(
                    folder / name.replace(" ", "_"), catalog_name="pairs", progress_bar=False
                )
            )
            report[name] = {"plan_s": planned, "match_and_write_s": seconds}
            report["worker_peak_MB"] = round(max(client.run(peak_memory).values()))
            print(report, flush=True)
    for name, region in REGIONS.items():
        frame = lsdb.open_catalog(folder / name.replace(" ", "_")).compute(progress_bar=False)
        expected, report[name]["in_memory_s"] = timed(crossmatch_tables, left, right, region)
        report[name] |= {"pairs": len(frame), "differences": differences(frame, expected)}
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--memory", default="1GiB", help="memory limit of the worker")
    parser.add_argument(
        "--folder", help="where the catalogues are written (default: a temporary folder)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        report = run(arguments.rows, arguments.memory, Path(folder))
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
