# Licensed under a 3-clause BSD style license - see LICENSE
"""
Time the whole job against the steps of the notebook, on the same server.

The embedded archive (the simulated sky) runs in a process of its own, and so does each way of doing
the job. Printed are wall time, CPU time, peak memory and their ratios, with the start of the
interpreter and all imports::

    python benchmarks/job_speed.py [repeats]

The notebook's steps are written with pyvo and astropy: two queries (all observations, and all
sources with ``TOP 9999999``), the cuts, the cross-match, the groups, a CSV file, and its maps and
histograms with pyplot. They count and prove nothing, and draw 9 figures as PNG. The job draws 16 as
PNG and PDF, associates the whole sky, and writes its tables in up to five formats. The last line is
the job without its figures.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

JOB = """
import sys
from astroquery_cfx import CSCPlaneClass, Fermi4FGL
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.reproduce import reproduce
summary = reproduce(sys.argv[2], client=CSCPlaneClass(vo_url=sys.argv[1]), show_progress=False,
                    fermi=Fermi4FGL.get_catalog(path=shipped_catalog()), figures={figures})
print(summary["sources_plane"], summary["pairs"], summary["fermi_matched"])
"""

NOTEBOOK = """
import sys
from collections import defaultdict
from pathlib import Path
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pyvo
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astroquery_cfx.fermi import shipped_catalog

service, folder = pyvo.dal.TAPService(sys.argv[1] + "/tap"), Path(sys.argv[2])
folder.mkdir(parents=True)

def get(columns, table):
    return service.run_sync(f"SELECT TOP 9999999 {columns} FROM {table}").to_table()

def save(name):
    plt.savefig(folder / f"{name}.png", dpi=150)
    plt.close("all")

def aitoff(name, coordinates, color):
    plt.figure(figsize=(10, 6))
    axes = plt.subplot(111, projection="aitoff")
    drawn = axes.scatter(coordinates[0].wrap_at("180d").rad, coordinates[1].rad, c=color, s=5)
    plt.colorbar(drawn)
    save(name)

observations = get("obsid, ra, dec, exposure, detector, time, name", "chanmaster")
known = ~np.ma.getmaskarray(observations["ra"])
observations = observations[known & (observations["exposure"] > 0)]
place = SkyCoord(np.asarray(observations["ra"]), np.asarray(observations["dec"]), unit="deg")
aitoff("observations", (place.ra, place.dec), np.log10(np.asarray(observations["exposure"]) / 1e3))

sources = get("name, ra, dec, b_flux_ap", "csc")
sources = sources[np.ma.filled(sources["b_flux_ap"], 0) > 0]
place = SkyCoord(np.asarray(sources["ra"]), np.asarray(sources["dec"]), unit="deg").galactic
near = np.abs(place.b.deg) <= 10
sources, place = sources[near], place[near]
color = np.log10(np.asarray(sources["b_flux_ap"]))
aitoff("sources", (place.l, place.b), color)
plt.hist(place.l.deg, bins=36)
save("longitude")
plt.figure(figsize=(9, 4))
plt.scatter(place.l.wrap_at("180d").deg, place.b.deg, c=color, s=5)
save("strip")

fermi = Table.read(shipped_catalog(), hdu=1)
other = SkyCoord(l=np.asarray(fermi["GLON"], float), b=np.asarray(fermi["GLAT"], float), unit="deg",
                 frame="galactic")
i, j, separation, _ = place.search_around_sky(other, 0.1 * u.deg)
matched = Table({"csc_name": sources["name"][j], "csc_l": place.l.deg[j], "csc_b": place.b.deg[j],
                 "csc_flux": sources["b_flux_ap"][j], "fermi_name": fermi["Source_Name"][i],
                 "fermi_l": fermi["GLON"][i], "fermi_b": fermi["GLAT"][i],
                 "fermi_r95": fermi["Conf_95_SemiMajor"][i],
                 "fermi_flux": fermi["Energy_Flux100"][i],
                 "fermi_class": fermi["CLASS1"][i], "separation": separation.deg})
groups = defaultdict(list)
for row in matched:
    groups[row["fermi_name"]].append(row)
grouped = Table(rows=[(name, rows[0]["fermi_l"], rows[0]["fermi_b"], len(rows),
                       ", ".join(str(row["csc_name"]) for row in rows),
                       ", ".join(str(row["csc_flux"]) for row in rows))
                      for name, rows in groups.items()],
                names=["fermi_name", "fermi_l", "fermi_b", "number", "csc_names", "csc_fluxes"])
grouped.sort(["fermi_l", "fermi_b"])
grouped.write(folder / "grouped.csv")
ratio = np.log10(np.asarray(matched["csc_flux"]) / np.asarray(matched["fermi_flux"]))
one = SkyCoord(l=matched["csc_l"], b=matched["csc_b"], unit="deg", frame="galactic")
aitoff("matches", (one.l, one.b), ratio)
for name, column in (("ratio_l", "fermi_l"), ("ratio_b", "fermi_b")):
    plt.scatter(matched[column], ratio)
    save(name)
plt.bar(grouped["fermi_l"], grouped["number"])
save("counts")
codes, number = np.unique(np.ma.filled(matched["fermi_class"], ""), return_inverse=True)
plt.scatter(number, ratio)
save("classes")
print(len(sources), len(matched), len(grouped))
"""

SERVER = """
import sys, threading
from astroquery_cfx.archive import EmbeddedArchive
with EmbeddedArchive() as archive:
    print(archive.url, flush=True)
    sys.stdin.read()
"""

# RUSAGE_CHILDREN sums over all children, so that each run is measured by a parent of its own.
MEASURE = """
import resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run([sys.executable, "-W", "ignore", "-c", *sys.argv[1:]], capture_output=True,
                      text=True)
seconds = time.perf_counter() - start
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
sys.stderr.write(done.stderr[-2000:] if done.returncode else "")
cpu, megabytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
print(seconds, cpu, megabytes, done.stdout.strip(), sep="|")
sys.exit(done.returncode)
"""


def measure(code, url, folder):
    """Run code in a process of its own; return seconds, CPU seconds, peak MB, and its output."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, code, url, str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, cpu, memory, found = done.stdout.strip().split("|")
    return float(seconds), float(cpu), float(memory), found


def main(repeats=3):
    """Print the table of times, memory and ratios."""
    ways = {
        "notebook's steps": NOTEBOOK,
        "the job": JOB.format(figures=None),
        "the job, no figures": JOB.format(figures=[]),
    }
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SERVER],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    start = time.perf_counter()
    url = server.stdout.readline().strip()
    print(f"archive ready after {time.perf_counter() - start:.1f} s (the sky is made at first use)")
    best = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            for turn in range(repeats):  # by turns, so that a busy minute slows all of them alike
                for number, (name, code) in enumerate(ways.items()):
                    run = measure(code, url, Path(folder) / f"{turn}-{number}")
                    best[name] = min(best.get(name, run), run)
    finally:
        server.stdin.close()
        server.wait()
    base = best["notebook's steps"]
    print(
        f"{'best of ' + str(repeats):<22}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}{'wall':>7}"
        f"{'memory':>8}   plane sources, pairs, Fermi sources"
    )
    for name, (seconds, cpu, memory, found) in best.items():
        ratios = f"{seconds / base[0]:>7.2f}{memory / base[2]:>8.2f}"
        print(f"{name:<22}{seconds:>8.1f}{cpu:>8.1f}{memory:>9.0f}{ratios}   {found}")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
