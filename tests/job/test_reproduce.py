# Licensed under a 3-clause BSD style license - see LICENSE
"""The whole job, on a small archive, against pairs that astropy finds."""

import hashlib
import html
import inspect
import json
import re

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table

from astroquery_cfx import (
    CFXError,
    CSCPlaneClass,
    Fermi4FGL,
    InvalidInputError,
    OutputError,
    figures,
)
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.files import read_table
from astroquery_cfx.reproduce import reproduce
from astroquery_cfx.reproduce.drawings import choose_drawings, draw_figures
from astroquery_cfx.reproduce.report import closing_text, write_report

MATCHED = [
    "csc_name",
    "csc_l",
    "csc_b",
    "csc_flux",
    "fermi_name",
    "fermi_l",
    "fermi_b",
    "fermi_r95",
    "fermi_flux",
    "fermi_class",
    "separation",
]


@pytest.fixture(scope="module")
def fermi():
    return Fermi4FGL.get_catalog(path=shipped_catalog())


@pytest.fixture(scope="module")
def sources(fermi):
    """Sources around Fermi sources of the plane and away from them, with every kind of flux."""
    rng = np.random.default_rng(5)
    plane = fermi[np.abs(fermi["GLAT"]) < 9][:40]
    number = 600
    of = rng.integers(0, len(plane), number)
    position = SkyCoord(
        l=np.array(plane["GLON"], float)[of] + rng.uniform(-0.2, 0.2, number),
        b=np.array(plane["GLAT"], float)[of] + rng.uniform(-0.2, 0.2, number),
        unit="deg",
        frame="galactic",
    ).icrs
    flux = 10 ** rng.uniform(-15, -12, number)
    flux[::10] = 0
    return Table(
        {
            "name": [f"2CXO J{row:06d}.0+000000" for row in range(number)],
            "ra": position.ra.deg,
            "dec": position.dec.deg,
            "lii": position.galactic.l.deg,
            "bii": position.galactic.b.deg,
            "b_flux_ap": MaskedColumn(flux, mask=np.arange(number) % 17 == 0, unit="erg / (s cm2)"),
        }
    )


@pytest.fixture(scope="module")
def observations():
    rng = np.random.default_rng(6)
    number = 50
    return Table(
        {
            "obsid": np.arange(number),
            "ra": MaskedColumn(
                rng.uniform(0, 360, number), unit="deg", mask=np.arange(number) == 3
            ),
            "dec": MaskedColumn(
                rng.uniform(-80, 80, number), mask=np.arange(number) == 3, unit="deg"
            ),
            "exposure": MaskedColumn(np.where(np.arange(number) % 7, 1e4, 0.0), unit="s"),
            "detector": ["ACIS-S"] * number,
            "time": rng.uniform(5e4, 6e4, number),
            "name": ["x"] * number,
        }
    )


@pytest.fixture(scope="module")
def archive(sources, observations):
    with EmbeddedArchive({"csc": sources, "chanmaster": observations}) as running:
        yield running


@pytest.fixture(scope="module")
def done(archive, fermi, tmp_path_factory):
    output = tmp_path_factory.mktemp("job") / "results"
    summary = reproduce(
        output,
        client=CSCPlaneClass(vo_url=archive.url),
        fermi=fermi,
        show_progress=False,
        figures=["class_shares", "matches_map"],
    )
    return output, summary


def expected_pairs(sources, fermi):
    """The same pairs by astropy, as the notebook finds them."""
    good = sources[(np.ma.filled(sources["b_flux_ap"], -1) > 0) & (np.abs(sources["bii"]) <= 10)]
    chandra = SkyCoord(good["ra"], good["dec"], unit="deg").galactic
    gamma = SkyCoord(
        l=np.array(fermi["GLON"], float),
        b=np.array(fermi["GLAT"], float),
        unit="deg",
        frame="galactic",
    )
    i, j, separation, _ = chandra.search_around_sky(gamma, 0.1 * u.deg)
    return good, {
        (str(good["name"][b]), str(fermi["Source_Name"][a])): s
        for a, b, s in zip(i, j, separation.deg, strict=True)
    }


def test_finds_the_pairs_that_astropy_finds(done, sources, fermi):
    output, summary = done
    good, pairs = expected_pairs(sources, fermi)
    matched = read_table(output / "tables" / "matched.ecsv")
    assert len(pairs) > 50
    assert matched.colnames == MATCHED
    found = dict(
        zip(
            zip(matched["csc_name"], matched["fermi_name"], strict=True),
            matched["separation"],
            strict=True,
        )
    )
    assert found.keys() == pairs.keys()
    assert max(abs(found[pair] - pairs[pair]) for pair in pairs) < 1e-9
    assert (summary["sources"], summary["sources_plane"], summary["pairs"]) == (
        len(sources),
        len(good),
        len(pairs),
    )
    assert summary["fermi_matched"] == len({pair[1] for pair in pairs})
    assert summary["csc_matched"] == len({pair[0] for pair in pairs})
    flux = np.ma.compressed(sources["b_flux_ap"][np.ma.filled(sources["b_flux_ap"], -1) > 0])
    assert summary["flux"]["count"] == len(flux)
    assert summary["flux"]["mean"] == pytest.approx(flux.mean())
    assert (summary["flux"]["min"], summary["flux"]["max"]) == (flux.min(), flux.max())
    assert (summary["observations"], summary["observations_with_position"]) == (50, 49)


def test_tables_hang_together(done):
    output, summary = done
    tables = {
        name: read_table(output / "tables" / f"{name}.ecsv")
        for name in ("matched", "grouped", "separations", "class_shares", "pulsars")
    }
    grouped, matched = tables["grouped"], tables["matched"]
    assert grouped.colnames == [
        "fermi_name",
        "fermi_l",
        "fermi_b",
        "fermi_flux",
        "fermi_r95",
        "fermi_class",
        "num_csc_matches",
        "csc_name",
        "csc_flux",
        "csc_l",
        "csc_b",
        "separation",
    ]
    assert list(zip(grouped["fermi_l"], grouped["fermi_b"], strict=True)) == sorted(
        zip(grouped["fermi_l"], grouped["fermi_b"], strict=True)
    )
    for row in grouped:
        own = matched[matched["fermi_name"] == row["fermi_name"]]
        assert row["num_csc_matches"] == len(own)
        for name in ("csc_name", "csc_flux", "csc_l", "csc_b", "separation"):
            assert row[name].tolist() == own[name].tolist()
    assert matched["csc_flux"].unit == u.erg / u.s / u.cm**2
    assert matched["fermi_r95"].description.startswith("Semi-major axis of the 95%")
    assert matched["csc_l"].meta["ucd"] == "pos.galactic.lon"
    offset = tables["separations"]["offset_95"]
    assert (
        np.ma.getmaskarray(offset).sum()
        == np.isnan(np.ma.filled(matched["fermi_r95"], np.nan)).sum()
    )
    assert tables["class_shares"]["num_matched"].sum() == summary["fermi_matched"]
    assert {code.lower() for code in tables["pulsars"]["fermi_class"]} <= {"psr", "msp"}


@pytest.mark.parametrize("name", ["matched", "grouped"])
@pytest.mark.parametrize("ending", ["csv", "fits", "vot", "parquet"])
def test_every_format_holds_the_same(done, name, ending):
    folder = done[0] / "tables"
    table, other = read_table(folder / f"{name}.ecsv"), read_table(folder / f"{name}.{ending}")
    assert other.colnames == table.colnames
    for column in table.colnames:
        for one, two in zip(table[column], other[column], strict=True):
            np.testing.assert_array_equal(
                np.ma.filled(one, -1) if one is not np.ma.masked else -1,
                np.ma.filled(two, -1) if two is not np.ma.masked else -1,
            )


def test_summary_names_every_file_and_proof(done):
    output, summary = done
    assert json.loads((output / "summary.json").read_text()) == summary
    written = {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}
    assert written == set(summary["files"]) | {"summary.json", "index.html"}
    for name, digest in summary["files"].items():
        assert hashlib.sha256((output / name).read_bytes()).hexdigest() == digest
    assert (
        sum(name.endswith(".png") for name in written)
        == sum(name.endswith(".pdf") for name in written)
        == 2
    )
    assert summary["figures_left_out"] == {}
    for record in summary["completeness"].values():
        assert record["rows"] == record["rows_before"] == record["rows_after"]
    assert "simulated" not in summary


def test_page_links_what_there_is_and_nothing_elsewhere(done):
    output, _ = done
    page = (output / "index.html").read_text()
    targets = re.findall(r"(?:src|href)='([^'#]+)'", page)
    assert len(targets) > 25
    for target in targets:
        assert target == "data:," or (output / target).is_file(), target
    assert page.count("<img") == page.count('alt="') == 2
    assert "http://www" not in page
    assert "https://" not in page
    assert "Simulated data" not in page
    assert "{" not in re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL)


def rows_of(page):
    """The rows of the page's tables that have two cells: first to second."""
    cells = re.findall(r"<tr><th scope='row'>([^<]*)</th><td[^>]*>([^<]*)</td></tr>", page)
    return {html.unescape(name): html.unescape(value) for name, value in cells}


def test_page_and_closing_lines_tell_the_numbers_of_the_summary(done):
    output, summary = done
    rows = rows_of((output / "index.html").read_text())
    assert rows["Chandra observations"] == "50"
    assert rows["Chandra observations with a position"] == "49"
    assert rows["Left out: observations without a position"] == "1"
    assert rows["Pairs within the radius"] == str(summary["pairs"])
    assert rows["Chandra sources in the pairs"] == str(summary["csc_matched"])
    assert rows["Pulsars among these Fermi sources"] == str(summary["pulsars_matched"])
    assert float(rows["Mean positive flux"].split()[0]) == pytest.approx(
        summary["flux"]["mean"], rel=1e-3
    )
    assert rows["Fermi release"] == "DR4"
    assert f"numpy {np.__version__}" in rows["Versions"]
    lines = closing_text(summary, output).splitlines()
    assert lines[0] == "|b| <= 10.0 deg, radius 0.1 deg, Fermi DR4"
    told = dict(re.findall(r"^ +(\D+?) +([\d,]+)$", "\n".join(lines), re.MULTILINE))
    assert told == {
        "Chandra observations": "50",
        "with a position": "49",
        "Chandra sources": "600",
        "with a positive flux": str(summary["sources_with_flux"]),
        "of these near the plane": str(summary["sources_plane"]),
        "rows of the Fermi catalogue": "7,195",
        "pairs": str(summary["pairs"]),
        "Fermi sources in them": str(summary["fermi_matched"]),
        "Chandra sources in them": str(summary["csc_matched"]),
    }
    assert [line.split()[:2] for line in lines[-2:]] == [["9", "tables"], ["2", "figures"]]
    assert lines[-4].split() == ["page", str(output / "index.html")]


def test_what_is_left_out_or_unknown_is_said(done, tmp_path):
    summary = done[1] | {
        "figures_left_out": {"flux_ratio": "No <flux>."},
        "simulated": "By <dice>.",
        "completeness": {"a<b": None},
        "fermi": {"release": "<DR5>"},
    }
    write_report(summary, [], tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text()
    assert "Left out: flux ratio. No &lt;flux&gt;." in page
    assert "<b>Simulated data.</b> By &lt;dice&gt;." in page
    assert "<th scope='row'>a&lt;b</th>" in page
    assert "of a source of &lt;DR5&gt;." in page
    assert page.count("<img") == 0
    lines = closing_text(summary, tmp_path).splitlines()
    assert lines[-2:] == ["  no figure flux_ratio: No <flux>.", "SIMULATED DATA: By <dice>."]


def test_every_figure_of_the_page_can_be_drawn():
    drawings = choose_drawings()
    assert len(drawings) == len({drawing.name for drawing in drawings}) == 16
    for drawing in drawings:
        plot = getattr(figures, f"plot_{drawing.name}")
        assert set(drawing.takes) <= set(inspect.signature(plot).parameters) & {"b_max", "radius"}
        assert drawing.title
        assert drawing.caption.endswith(".")
    some = choose_drawings(["separations", "observations_map"])
    assert [drawing.name for drawing in some] == ["observations_map", "separations"]


def test_a_figure_with_nothing_to_draw_is_left_out(tmp_path):
    drawings = choose_drawings(["reliability"])
    left_out = draw_figures(drawings, {"calibration": Table()}, tmp_path, options={})
    assert list(left_out) == ["reliability"]
    assert left_out["reliability"].endswith(".")
    assert list(tmp_path.iterdir()) == []


def test_twice_the_same_bytes_in_the_same_place(done, sources, observations, fermi, tmp_path):
    # At another port, at another time, and with the same angles written another way.
    with EmbeddedArchive({"csc": sources, "chanmaster": observations}) as other:
        again = reproduce(
            tmp_path,
            client=CSCPlaneClass(vo_url=other.url),
            fermi=fermi,
            b_max="10d",
            radius="0.1 deg",
            show_progress=False,
            figures=["class_shares"],
        )
    assert again["parameters"] == {"b_max": "10.0 deg", "radius": "0.1 deg"}
    assert sum(name.startswith("figures/") for name in again["files"]) == 2
    same = {name: digest for name, digest in again["files"].items() if not name.endswith(".vot")}
    assert same == {name: digest for name, digest in done[1]["files"].items() if name in same}


def test_simulated_tables_say_so_everywhere(sources, observations, fermi, tmp_path):
    simulated = sources.copy()
    simulated.meta["simulated"] = "Drawn from <dice>."
    with EmbeddedArchive({"csc": simulated, "chanmaster": observations}) as archive:
        summary = reproduce(
            tmp_path,
            client=CSCPlaneClass(vo_url=archive.url),
            fermi=fermi,
            figures=[],
            show_progress=False,
        )
    assert summary["simulated"] == "Chandra sources: Drawn from <dice>."
    assert sum(name.startswith("figures/") for name in summary["files"]) == 0
    page = (tmp_path / "index.html").read_text()
    assert "Drawn from &lt;dice&gt;." in page
    for name in ("matched", "grouped", "separations", "class_shares", "pulsars"):
        assert (
            read_table(tmp_path / "tables" / f"{name}.ecsv").meta["simulated"]
            == "Drawn from <dice>."
        )
    assert "simulated" not in read_table(tmp_path / "tables" / "observations.parquet").meta


@pytest.mark.parametrize(
    "options",
    [
        {"radius": 0.1},
        {"b_max": -1 * u.deg},
        {"radius": np.nan * u.deg},
        {"b_max": 1 * u.m},
        {"radius": [1, 2] * u.deg},
    ],
)
def test_angles_are_checked_before_anything_is_fetched(options, fermi, tmp_path):
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        reproduce(tmp_path / "out", client=None, fermi=fermi, **options)
    assert not (tmp_path / "out").exists()


def test_failure_leaves_older_results_whole(done, archive, fermi, tmp_path):
    output, _ = done
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    with pytest.raises(CFXError, match=r"within 1e-06 deg of a Fermi source\. Remedy"):
        reproduce(
            output, client=CSCPlaneClass(vo_url=archive.url), fermi=fermi, radius=1e-6 * u.deg
        )
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


def test_folder_below_a_file_is_refused_before_fetching(tmp_path, fermi):
    (tmp_path / "file").write_text("older")
    with pytest.raises(OutputError, match="cannot be written"):
        reproduce(tmp_path / "file" / "results", client=None, fermi=fermi)
    assert (tmp_path / "file").read_text() == "older"


def test_unknown_figure_is_refused_before_fetching(fermi, tmp_path):
    with pytest.raises(InvalidInputError, match="no figure mona_lisa"):
        reproduce(tmp_path / "out", client=None, fermi=fermi, figures=["mona_lisa"])


def test_number_of_pairs_of_the_real_sample(shared_data, observations, tmp_path):
    fermi = Fermi4FGL.get_catalog(path=shared_data / "fermi" / "gll_psc_v35.fit.gz")
    sample = shared_data / "csc_real_sample.fits"
    with EmbeddedArchive({"csc": sample, "chanmaster": observations}) as archive:
        summary = reproduce(
            tmp_path,
            client=CSCPlaneClass(vo_url=archive.url),
            fermi=fermi,
            figures=[],
            show_progress=False,
        )
    assert (summary["sources"], summary["pairs"], summary["fermi_matched"]) == (10_300, 566, 75)
