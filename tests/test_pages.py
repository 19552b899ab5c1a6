# Licensed under a 3-clause BSD style license - see LICENSE
"""The pages of the documentation and of the job in headless Chromium: nothing broken, none from elsewhere."""

import functools
import json
import os
import shutil
import subprocess
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTATION = ROOT / "docs" / "_build" / "html"
JOB = ROOT / "cfx-output"

BATCH = 20  # pages that one start of the browser looks at: its virtual time is bounded

pytestmark = pytest.mark.browser

# Loads each page in a frame of this page, which is of the same origin and so may look into it.
HARNESS = """<!DOCTYPE html><meta charset="utf-8"><pre id="report">unfinished</pre><script>
const pages = PAGES, report = [];
function look(page) {
  return new Promise(resolve => {
    const frame = document.createElement('iframe');
    frame.width = 1280; frame.height = 900;
    frame.onload = async () => {
      const inside = frame.contentDocument, errors = [];
      for (const image of inside.images) image.loading = 'eager';
      await Promise.all([...inside.images].map(image => image.decode().catch(
        () => errors.push('broken image ' + image.getAttribute('src')))));
      for (const got of frame.contentWindow.performance.getEntriesByType('resource'))
        if (!got.name.startsWith(location.origin) && !got.name.startsWith('data:'))
          errors.push('fetched from elsewhere ' + got.name);
      const wide = inside.documentElement.scrollWidth - 1280;
      if (wide > 2) errors.push('wider than the window by ' + wide);
      report.push({page, title: inside.title, words: inside.body.innerText.split(/\\s+/).length, errors});
      frame.remove(); resolve();
    };
    frame.src = '/' + page;
    document.body.append(frame);
  });
}
(async () => { for (const page of pages) await look(page);
  document.getElementById('report').textContent = JSON.stringify(report); })();
</script>"""


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
        elif anchor and aim.suffix == ".html" and unquote(anchor) not in links_of(aim.resolve()).anchors:
            yield f"{page.relative_to(folder)} -> {target} (no such place on the page)"


class Quiet(SimpleHTTPRequestHandler):
    harness = b""

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        if self.path != "/harness":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.harness)


@pytest.fixture(scope="module")
def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    pytest.skip("no Chromium here")


def look_at(chromium, folder, pages, home):
    """What the browser has to say of each page."""
    handler = type("Handler", (Quiet,), {"harness": HARNESS.replace("PAGES", json.dumps(pages)).encode()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        done = subprocess.run(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--window-size=1400,1000", f"--user-data-dir={home}", "--virtual-time-budget=600000",
             "--timeout=240000", "--dump-dom", f"http://127.0.0.1:{server.server_port}/harness"],
            capture_output=True, text=True, timeout=300, check=True,
            env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)})
    finally:
        server.shutdown()
        server.server_close()
    text = done.stdout.split('id="report">', 1)[1].split("</pre>", 1)[0]
    assert text != "unfinished", "the browser did not come to the end of the pages"
    return json.loads(text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))


def check_pages(chromium, folder, pattern, home):
    pages = sorted(str(path.relative_to(folder)) for path in folder.glob(pattern)
                   if "_static" not in path.parts)  # pieces of the theme, not pages
    assert [broken for page in pages for broken in broken_links(folder, folder / page)] == []
    looks = []
    for first in range(0, len(pages), BATCH):
        looks += look_at(chromium, folder, pages[first:first + BATCH], home / str(first))
    assert [look["page"] for look in looks] == pages
    assert [look for look in looks if look["errors"] or not look["title"] or look["words"] < 10] == []


def test_documentation(chromium, tmp_path):
    if not (DOCUMENTATION / "index.html").exists():
        pytest.skip("the documentation is not built here: tox -e build_docs")
    check_pages(chromium, DOCUMENTATION, "**/*.html", tmp_path)


def test_page_of_the_job(chromium, tmp_path):
    if not (JOB / "index.html").exists():
        pytest.skip("the job was not run here: astroquery-cfx reproduce --archive embedded")
    check_pages(chromium, JOB, "*.html", tmp_path)


def test_a_broken_page_is_found(chromium, tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "index.html").write_text(
        "<title>Broken</title><p>" + "word " * 20 + "<a href='nowhere.html'>x</a><img src='no.png'>")
    assert list(broken_links(folder, folder / "index.html")) == [
        "index.html -> nowhere.html", "index.html -> no.png"]
    (look,) = look_at(chromium, folder, ["index.html"], tmp_path / "home")
    assert look["errors"] == ["broken image no.png"]
