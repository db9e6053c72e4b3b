"""Check that every internal link of the built site leads somewhere.

    python docs/check_links.py docs/_build/html

Sphinx warns of references that it cannot resolve, but not of links in raw HTML, in
templates and in pages of extensions. Here each ``href`` and ``src`` of each page
is looked up: the file must exist, and so must the anchor in it.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links of a page, and the anchors that others may link to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Note what the attributes of a tag say."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


def pages_of(site):
    """Paths of all pages; what the theme keeps in ``_static`` is none."""
    static = site / "_static"
    return sorted(p for p in site.rglob("*.html") if static not in p.parents)


def broken_links(site):
    """Pairs of a page and a link from it that leads nowhere."""
    pages = {path: Page(path) for path in pages_of(site)}
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = path
            if url.path:
                target = (path.parent / unquote(url.path)).resolve()
            anchor = unquote(url.fragment)
            known = pages[target].anchors if target in pages else set()
            if not target.is_file() or (anchor and anchor not in known):
                yield path.relative_to(site), link


def main():
    """Name the broken links, and end with 1 if there are any."""
    site = Path(sys.argv[1]).resolve()
    n_pages = len(pages_of(site))
    broken = list(broken_links(site))
    for page, link in broken:
        sys.stdout.write(f"{page}: {link}\n")
    sys.stdout.write(f"{n_pages} pages, {len(broken)} broken internal links\n")
    return 1 if broken or n_pages == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
