"""Hooks of mkdocs: bring in pages that lie outside of docs, and look at what was built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from bnas.tools.main import main
from maintenance.docs import commands, pages, site

ROOT = Path(__file__).parents[2]
# Of the site, and of nothing else: they lie beside these hooks.
_ASSETS = ("iframe-worker.js", "site.css")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let the records of decisions follow the page that lists them."""
    for section in _sections(config.nav or []):
        if {"All decisions": "adr/README.md"} in section:
            section.extend(pages.decisions(ROOT))
    return config


def _sections(entries: list[Any]) -> Iterator[list[Any]]:
    """Yield the navigation and all sections in it, as mkdocs.yml has them: lists of mappings."""
    yield entries
    for entry in entries:
        for below in entry.values() if isinstance(entry, dict) else ():
            if isinstance(below, list):
                yield from _sections(below)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Bring in pages that lie elsewhere in the repository, and the site's own assets."""
    sources = {path: ROOT / path for path in pages.BROUGHT_IN}
    sources |= {f"assets/{name}": Path(__file__).with_name(name) for name in _ASSETS}
    for uri, source in sources.items():
        files.append(File.generated(config, uri, abs_src_path=str(source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that are right in the repository into links of the site; list the commands."""
    if commands.PLACE in markdown:
        listed = commands.reference(main, "bnas-tools")
        markdown = markdown.replace(commands.PLACE, listed)
    return pages.for_site(pages.place_in_repository(page.file.src_uri), markdown, ROOT)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that fetches something from elsewhere when it is looked at."""
    if faults := site.faults(Path(config.site_dir)):
        raise PluginError("the site is not right:\n  " + "\n  ".join(faults))
