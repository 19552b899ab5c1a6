# Licensed under a 3-clause BSD style license - see LICENSE
"""The command associate gives what associate_tables gives."""

import numpy as np
from astropy import units as u
from astropy.table import Table

from astroquery_cfx import associate_tables
from astroquery_cfx.cli import main
from astroquery_cfx.files import read_table, write_table


def make_files(folder):
    rng = np.random.default_rng(3)
    left = Table(
        {
            "name": [f"C{row}" for row in range(4000)],
            "ra": rng.uniform(10, 12, 4000) * u.deg,
            "dec": rng.uniform(0, 2, 4000) * u.deg,
            "b_flux_ap": 10 ** rng.normal(-14, 0.5, 4000),
        }
    )
    right = Table(
        {
            "Source_Name": [f"F{row}" for row in range(40)],
            "RAJ2000": rng.uniform(10.5, 11.5, 40) * u.deg,
            "DEJ2000": rng.uniform(0.5, 1.5, 40) * u.deg,
            "Conf_95_SemiMajor": rng.uniform(0.03, 0.06, 40) * u.deg,
            "Conf_95_SemiMinor": np.full(40, 0.03) * u.deg,
            "Conf_95_PosAng": rng.uniform(0, 90, 40) * u.deg,
        }
    )
    for name, table in (("left", left), ("right", right)):
        write_table(table, folder / f"{name}.fits")
    return left, right


def test_associations_and_calibration_are_written(tmp_path, capsys):
    left, right = make_files(tmp_path)
    code = main(
        [
            "associate",
            str(tmp_path / "left.fits"),
            str(tmp_path / "right.fits"),
            "--flux",
            "b_flux_ap",
            "--calibration",
            str(tmp_path / "calibration.ecsv"),
            "--output",
            str(tmp_path / "out.parquet"),
        ]
    )
    assert code == 0
    table = read_table(tmp_path / "out.parquet")
    expected = associate_tables(left, right, flux="b_flux_ap")
    assert table.colnames == expected.colnames
    assert table["name"].tolist() == expected["name"].tolist()
    np.testing.assert_allclose(table["p_i"], expected["p_i"], rtol=1e-9)
    assert f"{len(expected):,} rows" in capsys.readouterr().out
    assert len(read_table(tmp_path / "calibration.ecsv")) == 19


def test_a_column_that_is_not_there_is_named(tmp_path, capsys):
    make_files(tmp_path)
    code = main(
        [
            "associate",
            str(tmp_path / "left.fits"),
            str(tmp_path / "right.fits"),
            "--flux",
            "nothing",
            "--output",
            str(tmp_path / "out.fits"),
        ]
    )
    assert code == 2
    assert "'nothing'" in capsys.readouterr().err
    assert not (tmp_path / "out.fits").exists()
