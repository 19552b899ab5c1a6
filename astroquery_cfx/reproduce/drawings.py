# Licensed under a 3-clause BSD style license - see LICENSE
"""The figures of the job: which function draws which table, and what the page says under it."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidInputError
from ..files import write_aside
from ..progress import progress_bar

__all__ = ["DRAWINGS", "Drawing", "choose_drawings", "draw_figures"]


@dataclass(frozen=True)
class Drawing:
    """One figure: file name, title, the job's table that it shows, words below it, what else it takes."""

    name: str
    title: str
    table: str
    caption: str
    takes: tuple = ()
    wide: bool = False

    def draw(self, table, options):
        """Return the figure."""
        import numpy as np

        from .. import figures

        plot = getattr(figures, f"plot_{self.name}")
        axes = plot(table, **{name: options[name] for name in self.takes})
        return np.ravel(axes)[0].figure


DRAWINGS = (
    Drawing(
        "observations_map",
        "Where Chandra looked",
        "observations",
        "Every Chandra observation with a position, in equatorial coordinates, coloured by its "
        "exposure. Exposures of zero are left out and counted.",
    ),
    Drawing(
        "sources_map",
        "Chandra sources in the Galactic plane",
        "sources_plane",
        "Sources of the Chandra Source Catalog near the Galactic plane with a positive flux, in "
        "Galactic coordinates, coloured by their flux at 0.5-7 keV.",
    ),
    Drawing(
        "longitude_histogram",
        "Chandra sources along the plane",
        "sources_plane",
        "Sources by Galactic longitude, 36 bins.",
    ),
    Drawing(
        "latitude_histogram",
        "Chandra sources across the plane",
        "sources_plane",
        "Sources by Galactic latitude.",
    ),
    Drawing(
        "plane_strip",
        "The plane unrolled",
        "sources_plane",
        "The same sources on a plate carree map of the plane, which, unlike a tangent projection, "
        "shows all longitudes.",
        ("b_max",),
        wide=True,
    ),
    Drawing(
        "matches_map",
        "Matched sources",
        "matched",
        "Chandra and Fermi sources that lie together, each drawn once, with the 95% error radius of "
        "each Fermi source at its true size on the sky.",
        wide=True,
    ),
    Drawing(
        "flux_ratio_strip",
        "Flux ratios along the plane",
        "matched",
        "Pairs in the plane, coloured by the ratio of the X-ray (0.5-7 keV) to the gamma-ray (0.1-100 "
        "GeV) energy flux, with the 95% error regions of the Fermi sources.",
        ("b_max",),
        wide=True,
    ),
    Drawing(
        "match_counts",
        "Matches of each Fermi source",
        "grouped",
        "Number of Chandra sources within the radius of each Fermi source, by Galactic longitude. The "
        "scale is logarithmic, and nothing is cut off.",
    ),
    Drawing(
        "flux_ratio_by_position",
        "Flux ratio by position",
        "matched",
        "X-ray to gamma-ray energy-flux ratio of each pair by Galactic longitude and latitude of the "
        "Fermi source.",
    ),
    Drawing(
        "flux_ratio_by_class",
        "Flux ratio by class",
        "matched",
        "X-ray to gamma-ray energy-flux ratio of each pair by the class of the Fermi source, from "
        "Galactic to extragalactic; identified and associated sources apart, the number of pairs "
        "under each class.",
        wide=True,
    ),
    Drawing(
        "matches_by_flux",
        "Matches by gamma-ray flux",
        "grouped",
        "Number of Chandra sources within the radius of each Fermi source against its energy flux.",
    ),
    Drawing(
        "separations",
        "Separations",
        "separations",
        "Separations of the pairs in degrees and in units of the 95% error ellipse, with the law of "
        "chance and the law that true counterparts follow.",
        ("radius",),
    ),
    Drawing(
        "match_density_map",
        "Where the matches cluster",
        "grouped",
        "The Fermi sources with matches, drawn larger the more Chandra sources lie within the radius.",
    ),
    Drawing(
        "class_shares",
        "Galactic and extragalactic classes",
        "class_shares",
        "Share of each group of classes among all Fermi sources in the plane, and among those of them "
        "with a Chandra source within the radius.",
    ),
    Drawing(
        "reliability",
        "Can the associations be trusted?",
        "calibration",
        "Candidates for the counterparts of all Fermi sources, by their probability: the share that "
        "is no chance, from the same regions at other places in observed fields.",
    ),
    Drawing(
        "completeness",
        "What a cut in probability keeps",
        "calibration",
        "How pure the associations above a probability are, and what share of the counterparts they "
        "hold.",
    ),
)


def choose_drawings(names=None):
    """
    Choose figures by name.

    Parameters
    ----------
    names : iterable of str, optional
        Names of figures; all by default.

    Returns
    -------
    list of Drawing
        Those figures, in their usual order.

    Raises
    ------
    InvalidInputError
        If a name is not known.
    """
    known = [drawing.name for drawing in DRAWINGS]
    wanted = set(known if names is None else names)
    if wanted - set(known):
        raise InvalidInputError(
            f"There is no figure {', '.join(sorted(wanted - set(known)))}.",
            remedy=f"choose from {', '.join(known)}.",
        )
    return [drawing for drawing in DRAWINGS if drawing.name in wanted]


def draw_figures(tables, folder, *, options, drawings=DRAWINGS, show_progress=None):
    """
    Draw figures as PNG and PDF.

    A figure for which the tables hold nothing to draw is left out.

    Parameters
    ----------
    tables : dict
        Name of a table of the job -> table.
    folder : `~pathlib.Path`
        Where the figures go.
    drawings : iterable of Drawing, optional
        The figures to draw; all by default.
    options : dict
        What some figures take beside their table: b_max and radius, angles.
    show_progress : bool or None, optional
        As for `~astroquery_cfx.progress.progress_bar`.

    Returns
    -------
    dict
        Name of each figure that was left out -> why.
    """
    left_out = {}
    with progress_bar(
        len(drawings), description="Figures", unit="figure", show=show_progress
    ) as bar:
        for drawing in drawings:
            try:
                figure = drawing.draw(tables[drawing.table], options)
            except InvalidInputError as error:
                left_out[drawing.name] = error.failed
            else:
                _save(figure, Path(folder), drawing.name)
            bar.update(1)
    return left_out


def _save(figure, folder, name):
    # Without the date, a figure of the same data is the same file.
    for ending, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
        with write_aside(folder / f"{name}.{ending}") as aside:
            figure.savefig(aside, format=ending, dpi=150, metadata=metadata)
