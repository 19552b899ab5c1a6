# Licensed under a 3-clause BSD style license - see LICENSE
"""
Compare the speed of the cross-match with that of ``SkyCoord.search_around_sky``.

From degrees to arrays of indices: 4FGL-DR4, and a catalogue of two million rows, against clustered
synthetic catalogues. Each method runs in a process of its own, in turns, and must find the same
number of pairs. Times are CPU seconds (the best of the rounds), which depend less on other work on
the machine; peak memory is what the method needs beyond the inputs. With ``--stilts`` whole
programs are compared, from FITS files to a file of pairs: wall seconds.

    python benchmarks/crossmatch_speed.py                  # the case of 400,000 rows
    python benchmarks/crossmatch_speed.py --all --stilts   # 20 million rows: 6 GB, some minutes
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

# Label: rows of both sides (None: 4FGL-DR4), radius in degrees, speed-up to reach.
CASES = {
    "400k": (407_806, None, 0.1, 10),
    "20M": (20_000_000, None, 0.1, 18),
    "20M x 2M": (20_000_000, 2_000_000, 1 / 3600, 4),
}


def clustered(rng, rows):
    """Return positions: 70% of them in fields of 8 arcmin radius, 20 per field, others anywhere."""

    def anywhere(size):
        return rng.uniform(0, 360, size), np.degrees(np.arcsin(rng.uniform(-1, 1, size)))

    field_ra, field_dec = anywhere(max(rows // 28, 1))
    field = rng.integers(0, len(field_ra), rows * 7 // 10)
    distance, angle = (
        8 / 60 * np.sqrt(rng.uniform(0, 1, len(field))),
        rng.uniform(0, 2 * np.pi, len(field)),
    )
    dec = np.clip(field_dec[field] + distance * np.cos(angle), -89.9, 89.9)
    ra = (field_ra[field] + distance * np.sin(angle) / np.cos(np.radians(dec))) % 360
    other = anywhere(rows - len(field))
    order = rng.permutation(rows)
    return np.concatenate((ra, other[0]))[order], np.concatenate((dec, other[1]))[order]


def make_sides(label, folder):
    """Write both sides as .npy files of (ra, dec); half of the small side is near the large one."""
    large_rows, small_rows, _, _ = CASES[label]
    rng = np.random.default_rng(large_rows)
    large = clustered(rng, large_rows)
    if small_rows is None:
        from astroquery_cfx import Fermi4FGL
        from astroquery_cfx.fermi import shipped_catalog

        table = Fermi4FGL.get_catalog(path=shipped_catalog())
        small = tuple(np.asarray(table[name], dtype=float) for name in ("RAJ2000", "DEJ2000"))
    else:
        near = rng.choice(large_rows, small_rows // 2, replace=False)
        small = tuple(
            np.concatenate((ours[near] + rng.normal(0, 0.4 / 3600, len(near)), others))
            for ours, others in zip(large, clustered(rng, small_rows - len(near)), strict=True)
        )
        small[1].clip(-90, 90, out=small[1])
    np.save(folder / "large.npy", np.array(large))
    np.save(folder / "small.npy", np.array(small))


def cfx(large, small, radius):
    from astroquery_cfx.crossmatch.sphere import find_pairs

    return find_pairs(*large, *small, radius)[:2]


def astropy(large, small, radius):
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    first, second = (SkyCoord(*side, unit="deg") for side in (large, small))
    i, j, _, _ = first.search_around_sky(second, radius * u.deg)
    return i, j


METHODS = {"cfx": cfx, "astropy": astropy}


def run_method(name, folder, radius):
    """Run one round of one method in this process."""
    large, small = (np.load(folder / f"{side}.npy") for side in ("large", "small"))
    # The first call imports modules: it does not count.
    METHODS[name](large[:, :1000], small[:, :10], radius)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    i, _ = METHODS[name](large, small, radius)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu": cpu, "wall": seconds, "pairs": len(i), "megabytes": (peak - before) / 1024}


def in_own_process(*arguments):
    """Return what this script prints with these arguments, in a process with a peak of its own."""
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def compare(label, rounds):
    _, _, radius, aim = CASES[label]
    with tempfile.TemporaryDirectory() as name:
        in_own_process("--make", label, name)
        runs = {method: [] for method in METHODS}
        for _ in range(rounds):
            for method in METHODS:
                runs[method].append(
                    json.loads(in_own_process("--method", method, name, repr(radius)))
                )
    best = {
        method: min(results, key=lambda result: result["cpu"]) for method, results in runs.items()
    }
    if len({result["pairs"] for result in best.values()}) > 1:
        print("  The methods do not find the same number of pairs:")
    for method, result in best.items():
        print(
            f"  {method:8} {result['cpu']:8.3f} s CPU {result['wall']:8.3f} s wall "
            f"{result['pairs']:9,} pairs, peak {result['megabytes']:6.0f} MB beyond the inputs"
        )
    print(
        f"  {best['astropy']['cpu'] / best['cfx']['cpu']:.1f} times faster (goal: {aim}), "
        f"{best['cfx']['megabytes'] / max(best['astropy']['megabytes'], 1):.1%} of the memory\n"
    )


def whole_program(left, right, radius, output):
    """Read two FITS files and write the pairs, as STILTS does."""
    from astropy import units as u
    from astropy.table import Table

    from astroquery_cfx import crossmatch_tables

    left, right = (Table.read(path, memmap=True) for path in (left, right))
    crossmatch_tables(left, right, radius * u.deg).write(output, overwrite=True)


def compare_programs(label):
    from astropy.table import Table

    radius = CASES[label][2]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_sides(label, folder)
        for side in ("large", "small"):
            ra, dec = np.load(folder / f"{side}.npy")
            Table(
                {"row": np.arange(len(ra)), "ra": ra, "dec": dec}, units={"ra": "deg", "dec": "deg"}
            ).write(folder / f"{side}.fits")
        files = [str(folder / f"{side}.fits") for side in ("large", "small")]
        commands = {
            "cfx": [
                sys.executable,
                __file__,
                "--program",
                *files,
                repr(radius),
                str(folder / "cfx.fits"),
            ],
            "stilts": [
                "stilts",
                "-Xmx12g",
                "tskymatch2",
                "find=all",
                f"in1={files[0]}",
                f"in2={files[1]}",
                "ra1=ra",
                "dec1=dec",
                "ra2=ra",
                "dec2=dec",
                f"error={radius * 3600!r}",
                f"out={folder / 'stilts.fits'}",
            ],
        }
        for method, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds, pairs = time.perf_counter() - start, len(Table.read(folder / f"{method}.fits"))
            print(f"  {method:8} {seconds:8.2f} s wall {pairs:9,} pairs, files read and written")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument(
        "--case", choices=CASES, action="append", help="a case; repeat it for more than one"
    )
    parser.add_argument("--all", action="store_true", help="all cases")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--stilts", action="store_true", help="also compare whole programs with stilts tskymatch2"
    )
    parser.add_argument("--make", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--method", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--program", nargs=4, help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.make:
        make_sides(parsed.make[0], Path(parsed.make[1]))
        return
    if parsed.method:
        name, folder, radius = parsed.method
        print(json.dumps(run_method(name, Path(folder), float(radius))))
        return
    if parsed.program:
        left, right, radius, output = parsed.program
        whole_program(left, right, float(radius), output)
        return
    for label in CASES if parsed.all else parsed.case or ["400k"]:
        print(f"{label}, within {CASES[label][2] * 3600:g} arcsec")
        compare(label, parsed.rounds)
        if parsed.stilts and shutil.which("stilts"):
            compare_programs(label)


if __name__ == "__main__":
    main()
