# Licensed under a 3-clause BSD style license - see LICENSE
"""How fast Fermi catalogues are read and their spectra integrated, next to astropy and gammapy.

    python benchmarks/fermi_speed.py gll_psc_v35.fit

Each figure is a ratio of times that are taken in turns in one run, so that the load of the machine
cancels. Printed are the median of the rounds and the limit that it should not exceed. gammapy is
compared where it is installed.
"""

import argparse
import importlib.util
import subprocess
import sys
import time
import warnings

import numpy as np
from astropy import units as u
from astropy.table import Table

from astroquery_cfx import Fermi4FGL
from astroquery_cfx.fermi.catalog import open_catalog
from astroquery_cfx.fermi.source.spectral_model import spectral_models

CROSSMATCH = [
    "Source_Name",
    "RAJ2000",
    "DEJ2000",
    "GLON",
    "GLAT",
    "Conf_95_SemiMajor",
    "Conf_95_SemiMinor",
    "Conf_95_PosAng",
    "Energy_Flux100",
    "CLASS1",
]


def seconds(work):
    """Return the time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ratio(work, other, rounds):
    """Return the median times of two functions called in turns, and the median of their ratios."""
    times = np.array([(seconds(work), seconds(other)) for _ in range(rounds)])
    return *np.median(times, axis=0), np.median(times[:, 0] / times[:, 1])


def report(what, own, other, found, limit):
    """Print a line of the report."""
    print(
        f"{what:<62} {own:8.3f} s {other:8.3f} s   ratio {found:6.3f}   limit {limit}"
        f"   {'good' if found <= limit else 'TOO SLOW'}"
    )


def integrate_all(path):
    """Build and integrate all spectra, one object each."""
    for model in spectral_models(open_catalog(path).read()):
        model.energy_flux(100 * u.MeV, 100 * u.GeV)
        model.photon_flux(1 * u.GeV, 100 * u.GeV)


def integrate_gammapy(path, sources):
    """The same by gammapy, for some of the sources."""
    from gammapy.catalog import SourceCatalog4FGL

    catalog = SourceCatalog4FGL(path)
    for row in range(sources):
        model = catalog[row].spectral_model()
        model.energy_flux(100 * u.MeV, 100 * u.GeV)
        model.integral(1 * u.GeV, 100 * u.GeV)


def import_time(module):
    """Run an interpreter that imports a module."""
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)


def main():
    """Print all ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="gll_psc_v35.fit")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    path, rounds = arguments.path, arguments.rounds
    warnings.simplefilter("ignore")  # of gammapy and of astropy's reader
    Fermi4FGL.get_catalog(path=path), Table.read(path, hdu=1)  # units and columns are parsed once

    def read():
        Table.read(path, hdu=1)

    report(
        "read all columns / Table.read",
        *ratio(lambda: Fermi4FGL.get_catalog(path=path), read, rounds),
        1.2,
    )
    report(
        "read the columns of the cross-match / Table.read",
        *ratio(lambda: Fermi4FGL.get_catalog(path=path, columns=CROSSMATCH), read, rounds),
        0.3,
    )
    report(
        "import astroquery_cfx / import astroquery.heasarc",
        *ratio(
            lambda: import_time("astroquery_cfx"), lambda: import_time("astroquery.heasarc"), rounds
        ),
        1.1,
    )
    if importlib.util.find_spec("gammapy") is None:
        print("gammapy is not installed: its spectra are not compared")
        return
    integrate_gammapy(path, 1)
    report(
        "all spectra built and integrated / 700 of them by gammapy",
        *ratio(
            lambda: integrate_all(path), lambda: integrate_gammapy(path, 700), max(rounds // 5, 3)
        ),
        1.0,
    )


if __name__ == "__main__":
    main()
