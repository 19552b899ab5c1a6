# Licensed under a 3-clause BSD style license - see LICENSE
"""What the command line says at the end, as text."""

from pathlib import Path

__all__ = ["closing_table", "serving_text"]

_ROWS = (
    ("observations", "Chandra observations"),
    ("observations_with_position", "  with a position"),
    ("sources", "Chandra sources"),
    ("sources_with_flux", "  with a positive flux"),
    ("sources_plane", "  of these near the plane"),
    ("fermi_sources", "rows of the Fermi catalogue"),
    ("pairs", "pairs"),
    ("fermi_matched", "  Fermi sources in them"),
    ("csc_matched", "  Chandra sources in them"),
)


def closing_table(summary, output):
    """
    Say what a job found and where it lies.

    Parameters
    ----------
    summary : dict
        From `~astroquery_cfx.reproduce.reproduce`.
    output : str or `~pathlib.Path`
        The folder that it wrote to.

    Returns
    -------
    str
        Lines of text, aligned.
    """
    output = Path(output)
    parameters = summary["parameters"]
    tables = len({Path(file).stem for file in summary["files"] if file.startswith("tables/")})
    figures = sum(file.endswith(".png") for file in summary["files"])
    lines = [
        f"|b| <= {parameters['b_max']}, radius {parameters['radius']}, Fermi"
        f" {summary['fermi'].get('release', '?')}"
    ]
    lines += [f"  {words:<30}{summary[key]:>10,}" for key, words in _ROWS]
    lines += [
        f"  {name:<12}{place}"
        for name, place in (
            ("page", output / "index.html"),
            ("summary", output / "summary.json"),
            (f"{tables} tables", output / "tables"),
            (f"{figures} figures", output / "figures"),
        )
    ]
    lines += [
        f"  no figure {name}: {reason}" for name, reason in summary["figures_left_out"].items()
    ]
    if summary.get("simulated"):
        lines.append(f"SIMULATED DATA: {summary['simulated']}")
    return "\n".join(lines) + "\n"


def serving_text(url):
    """
    Say where the embedded archive listens, and how other programs use it.

    Parameters
    ----------
    url : str
        The base URL of its services.

    Returns
    -------
    str
        Lines of text.
    """
    return f"""TAP service: {url}/tap
  pyvo        pyvo.dal.TAPService("{url}/tap").search("SELECT COUNT(*) AS n FROM csc")
  astroquery  from astroquery.heasarc import Heasarc; Heasarc.VO_URL = "{url}"
  this        CSCPlaneClass(vo_url="{url}")
  command     astroquery-cfx reproduce --archive {url}
  TOPCAT      VO > Table Access Protocol (TAP) Query > TAP URL: {url}/tap
Ctrl-C stops it.
"""
