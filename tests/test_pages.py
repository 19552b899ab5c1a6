# Licensed under a 3-clause BSD style license - see LICENSE
"""Open the pages of the documentation and of the job in headless Chromium."""

import functools
import shutil
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTATION = ROOT / "docs" / "_build" / "html"
JOB = ROOT / "cfx-output"

pytestmark = pytest.mark.browser

WIDTH = 1280  # of the window, in pixels
HALF_A_MINUTE = 30  # seconds: longer than any page takes

# What the browser finds wrong with the page it shows. Lazy pictures are loaded first.
LOOK = """
const done = arguments[arguments.length - 1], errors = [];
for (const image of document.images) image.loading = 'eager';
Promise.all([...document.images].map(image => image.decode().catch(
    () => errors.push('broken image ' + image.getAttribute('src'))))).then(() => {
  for (const got of performance.getEntriesByType('resource'))
    if (!got.name.startsWith(location.origin) && !got.name.startsWith('data:'))
      errors.push('fetched from elsewhere ' + got.name);
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 2) errors.push('wider than the window by ' + wide);
  done({title: document.title, words: document.body.innerText.split(/\\s+/).length, errors});
});
"""


class Links(HTMLParser):
    """The addresses that a page names, and the anchors that it has."""

    def __init__(self):
        super().__init__()
        self.targets, self.anchors = [], set()

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.anchors.update(named[key] for key in ("id", "name") if named.get(key))
        self.targets += [named[key] for key in ("href", "src") if named.get(key)]


@functools.cache
def links_of(path):
    links = Links()
    links.feed(path.read_text(encoding="utf-8"))
    return links


def broken_links(folder, page):
    for target in links_of(page).targets:
        address, anchor = urldefrag(target)
        if urlparse(address).scheme:
            continue
        aim = (page.parent / unquote(urlparse(address).path)) if address else page
        if not aim.exists() or folder not in [aim.resolve(), *aim.resolve().parents]:
            yield f"{page.relative_to(folder)} -> {target}"
        elif (
            anchor
            and aim.suffix == ".html"
            and unquote(anchor) not in links_of(aim.resolve()).anchors
        ):
            yield f"{page.relative_to(folder)} -> {target} (no such place on the page)"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A Chromium without a screen, that asks nobody but this machine."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium = next(
        (
            path
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (path := shutil.which(name))
        ),
        None,
    )
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium with its driver here")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"window-size={WIDTH},900",
        f"user-data-dir={tmp_path_factory.mktemp('browser')}",
    ):
        options.add_argument(f"--{argument}")
    driver = webdriver.Chrome(options, webdriver.ChromeService(driver))
    driver.set_page_load_timeout(HALF_A_MINUTE)
    driver.set_script_timeout(HALF_A_MINUTE)
    yield driver
    driver.quit()


def look_at(browser, folder, pages):
    """What the browser has to say of each page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        for page in pages:
            browser.get(f"http://127.0.0.1:{server.server_port}/{page}")
            yield {"page": page, **browser.execute_async_script(LOOK)}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def check_pages(browser, folder, pattern):
    pages = sorted(
        str(path.relative_to(folder))
        for path in folder.glob(pattern)
        if "_static" not in path.parts
    )  # pieces of the theme, not pages
    assert [broken for page in pages for broken in broken_links(folder, folder / page)] == []
    looks = list(look_at(browser, folder, pages))
    assert [
        look for look in looks if look["errors"] or not look["title"] or look["words"] < 10
    ] == []


def test_documentation(browser):
    if not (DOCUMENTATION / "index.html").exists():
        pytest.skip("the documentation is not built here: tox -e build_docs")
    check_pages(browser, DOCUMENTATION, "**/*.html")


def test_page_of_the_job(browser):
    if not (JOB / "index.html").exists():
        pytest.skip("the job was not run here: astroquery-cfx reproduce --archive embedded")
    check_pages(browser, JOB, "*.html")


def test_a_broken_page_is_found(browser, tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "index.html").write_text(
        "<title>Broken</title><p>" + "word " * 20 + "<a href='nowhere.html'>x</a><img src='no.png'>"
    )
    assert list(broken_links(folder, folder / "index.html")) == [
        "index.html -> nowhere.html",
        "index.html -> no.png",
    ]
    (look,) = look_at(browser, folder, ["index.html"])
    assert look["errors"] == ["broken image no.png"]
