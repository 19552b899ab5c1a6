# Licensed under a 3-clause BSD style license - see LICENSE
"""How the gallery finds its figures: the package uses no pyplot, so the axes are looked for."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ravel
from sphinx_gallery.scrapers import figure_rst


def find_figures(variables):
    """The figures of the variables of an example that are figures, axes, or arrays of axes."""
    figures = []
    for value in variables.values():
        if isinstance(value, Figure):
            figures.append(value)
        elif isinstance(value, Axes):
            figures.append(value.figure)
        elif type(value).__name__ == "ndarray" and value.dtype == object:
            figures += [item.figure for item in ravel(value) if isinstance(item, Axes)]
    return list({id(figure): figure for figure in figures}.values())


class FigureScraper:
    """Save each figure that a block of an example made."""

    def __call__(self, block, block_vars, gallery_conf):  # numpydoc ignore=GL08
        variables = block_vars["example_globals"]
        seen = variables.setdefault("__drawn__", [])
        paths = []
        for figure in find_figures(variables):
            if figure in seen:
                continue
            seen.append(figure)
            paths.append(next(block_vars["image_path_iterator"]))
            figure.savefig(paths[-1], dpi=150)
        return figure_rst(paths, gallery_conf["src_dir"])


scrape = FigureScraper()
