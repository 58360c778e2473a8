"""What a built site may not do: fetch a part of a page from another server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

# Attributes whose target a browser fetches without being asked. A link that one may follow is none.
_FETCHED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
# Relations of <link> that only name another page.
_NAMED_ONLY = {"alternate", "author", "canonical", "license", "next", "prev"}
_ABROAD = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s;]+)""", re.IGNORECASE)


class _Fetches(HTMLParser):
    """Collects what a page fetches from other servers."""

    def __init__(self) -> None:
        super().__init__()
        self.abroad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and set(given.get("rel", "").lower().split()) <= _NAMED_ONLY:
            return
        fetched = [given[name] for name in _FETCHED.get(tag, ()) if name in given]
        self.abroad += [target for target in fetched if _ABROAD.match(target)]
        self.abroad += _IN_STYLE.findall(given.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.abroad += _IN_STYLE.findall(data)


def fetched_abroad(html: str) -> list[str]:
    """Return what a page fetches from other servers when it is opened."""
    page = _Fetches()
    page.feed(html)
    page.close()
    return page.abroad


def faults(site: Path) -> list[str]:
    """Return a line for everything that the pages and styles of a built site fetch elsewhere."""
    return [f"{path.relative_to(site)} fetches {target}" for path, target in _abroad(site)]


def _abroad(site: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(site.rglob("*.html")):
        for target in fetched_abroad(path.read_text(encoding="utf-8")):
            yield path, target
    for path in sorted(site.rglob("*.css")):
        for target in _IN_STYLE.findall(path.read_text(encoding="utf-8")):
            yield path, target
