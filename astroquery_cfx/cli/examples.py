# Licensed under a 3-clause BSD style license - see LICENSE
"""The examples that the help of each command shows; those of the whole under the empty name."""

__all__ = ["EXAMPLES"]

EXAMPLES = {
    "": """examples:
  astroquery-cfx reproduce --archive embedded
  astroquery-cfx query csc --columns name,ra,dec,b_flux_ap --output csc.parquet
  astroquery-cfx match left.fits right.ecsv --radius 3arcsec --output pairs.ecsv
  astroquery-cfx associate chandra.fits gll_psc_v35.fit --flux b_flux_ap --output associations.ecsv
  astroquery-cfx serve --port 8080""",
    "reproduce": """examples:
  astroquery-cfx reproduce --archive embedded
  astroquery-cfx reproduce --archive embedded --csc my_sources.fits --fermi gll_psc_v35.fit
  astroquery-cfx reproduce --archive heasarc --b-max 5deg --radius 3arcmin --output plane5""",
    "query": """examples:
  astroquery-cfx query csc --columns name,ra,dec,b_flux_ap --output csc.parquet
  astroquery-cfx query "SELECT name, ra, dec FROM csc WHERE b_flux_ap > 1e-12" --output bright.ecsv""",
    "match": """examples:
  astroquery-cfx match chandra.fits fermi.fits --radius 0.1deg --output pairs.ecsv
  astroquery-cfx match chandra.fits gll_psc_v35.fit --radius Conf_95_SemiMajor --right-coordinates GLON,GLAT
                       --output pairs.parquet""",
    "associate": """examples:
  astroquery-cfx associate chandra.fits gll_psc_v35.fit --flux b_flux_ap --output associations.ecsv
  astroquery-cfx associate chandra.fits gll_psc_v35.fit --flux b_flux_ap --fields chanmaster.fits
                           --calibration calibration.ecsv --output associations.parquet""",
    "serve": """examples:
  astroquery-cfx serve
  astroquery-cfx serve --csc my_sources.fits --table mine=other.ecsv --port 8080""",
}
