# Licensed under a 3-clause BSD style license - see LICENSE
"""Time the associations of 4FGL with the simulated sky, beside the cross-match of the same tables.

The aim: at most five times as long. Run: python benchmarks/association_speed.py [rounds]
"""

import sys
import time

import astropy.units as u
import numpy as np

from astroquery_cfx import Fermi4FGL, associate_tables, calibrate_association, crossmatch_tables
from astroquery_cfx.archive.sky import simulated_sky
from astroquery_cfx.arrays import column_floats
from astroquery_cfx.crossmatch.ellipse import axis_scale
from astroquery_cfx.crossmatch.sphere import find_pairs
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.files import read_table


def fastest(rounds, work):
    """Seconds of the fastest of some rounds."""
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    sky = simulated_sky()
    left = read_table(sky["csc"])["name", "ra", "dec", "error_ellipse_r0", "b_flux_ap"]
    log = read_table(sky["chanmaster"])
    fields = log[(log["status"] == "archived") & (log["exposure"] > 0)]["ra", "dec"]
    right = Fermi4FGL.get_catalog(path=shipped_catalog())
    places = {"left_coordinates": ("ra", "dec"), "right_coordinates": ("RAJ2000", "DEJ2000")}
    ellipse = (
        column_floats(right, "Conf_95_SemiMajor", u.deg) * axis_scale(0.999) / axis_scale(0.95)
    )
    extent = column_floats(right, "Region_SemiMajor", u.deg)
    regions = np.where(np.isfinite(ellipse), ellipse, extent) * u.deg
    degrees = [left["ra"], left["dec"], right["RAJ2000"], right["DEJ2000"]]
    works = {
        "find_pairs, 0.1 deg": lambda: find_pairs(*degrees, 0.1),
        "crossmatch_tables, 0.1 deg": lambda: crossmatch_tables(left, right, 0.1 * u.deg, **places),
        "crossmatch_tables, same regions": lambda: crossmatch_tables(
            left, right, regions, **places
        ),
        "associate_tables, no fields given": lambda: associate_tables(left, right, **places),
        "associate_tables, positions": lambda: associate_tables(
            left, right, fields=fields, **places
        ),
        "associate_tables, positions and flux": lambda: associate_tables(
            left, right, fields=fields, flux="b_flux_ap", **places
        ),
        "calibrate_association, 18 shifts": lambda: calibrate_association(
            left, right, fields=fields, flux="b_flux_ap", **places
        ),
    }
    base = None
    for name, work in works.items():
        seconds = fastest(1 if name.startswith("calibrate") else rounds, work)
        base = seconds if name.startswith("crossmatch") else base
        ratio = f"{seconds / base:6.1f} of crossmatch_tables, the last" if base else ""
        sys.stdout.write(f"{name:40} {seconds:8.3f} s {ratio}\n")


if __name__ == "__main__":
    main()
