# Licensed under a 3-clause BSD style license - see LICENSE
"""A small table with every kind of column, and archives that serve it."""

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table


def _every_kind(rows=5000):
    random = np.random.default_rng(20261)
    table = Table()
    ra = random.uniform(0, 360, rows)
    dec = np.degrees(np.arcsin(random.uniform(-1, 1, rows)))
    table["name"] = [f"2CXO J{number:07d}{'X' * (number % 3)}" for number in range(rows)]
    table["ra"] = MaskedColumn(
        ra, unit="deg", description="Right Ascension", meta={"ucd": "pos.eq.ra"}
    )
    table["dec"] = MaskedColumn(
        dec, unit="deg", description="Declination", meta={"ucd": "pos.eq.dec"}
    )
    table["b_flux_ap"] = np.where(
        random.uniform(size=rows) < 0.2, np.nan, random.lognormal(-30, 2, rows)
    )
    table["b_flux_ap"].unit = "erg / (s cm2)"
    table["b_flux_ap_lo"] = random.normal(size=rows).astype(np.float32)
    table["acis_num"] = MaskedColumn(
        random.integers(0, 99, rows).astype(np.int16), mask=random.uniform(size=rows) < 0.1
    )
    table["count"] = MaskedColumn(np.arange(rows, dtype=np.int32), mask=np.arange(rows) % 7 == 3)
    table["big"] = np.arange(rows, dtype=np.int64) * 10**12
    table["extended"] = random.uniform(size=rows) < 0.5
    table["var_flag"] = MaskedColumn(
        random.choice(["T", "F"], rows), mask=random.uniform(size=rows) < 0.1
    )
    table["note"] = [("<&>\"'" * (number % 5)) + "é" * (number % 2) for number in range(rows)]
    table["time"] = random.uniform(51_000, 61_000, rows)
    table["__truth"] = [f"4FGL {number}" if number % 50 == 0 else "" for number in range(rows)]
    table.meta["description"] = "Sources of every kind"
    table.meta["simulated"] = "Simulated for the tests: not the sky."
    return table


@pytest.fixture(scope="session")
def every_kind():
    """The table that the archives of these tests serve as csc; no test may change it."""
    return _every_kind()


@pytest.fixture(scope="session")
def fields():
    """A second table, of circles on the sky."""
    random = np.random.default_rng(7)
    return Table(
        {
            "name": [f"field {number}" for number in range(60)],
            "ra": random.uniform(0, 360, 60),
            "dec": random.uniform(-90, 90, 60),
            "radius": random.uniform(0.1, 8, 60),
        }
    )


@pytest.fixture(scope="session")
def kind_archive(every_kind, fields):
    """An archive that behaves as HEASARC's does."""
    from astroquery_cfx.archive import EmbeddedArchive

    with EmbeddedArchive({"csc": every_kind, "fields": fields}) as archive:
        yield archive


@pytest.fixture(scope="session")
def make_service(every_kind, fields):
    """Make services of the same tables, with any behaviour, without HTTP."""
    from astroquery_cfx.archive import Behaviour
    from astroquery_cfx.archive.service import Service

    made = []

    def make(behaviour=None):
        made.append(
            Service({"csc": every_kind, "fields": fields}, behaviour or Behaviour.heasarc())
        )
        return made[-1]

    yield make
    for service in made:
        service.close()


@pytest.fixture(scope="session")
def service(make_service):
    """A service that behaves as HEASARC's does."""
    return make_service()
