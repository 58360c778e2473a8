"""`bnas-tools warmup`: compile kernels before they are needed."""

from __future__ import annotations

import click

from bnas.tools.document import print_document
from bnas.tools.options import json_option


@click.command(short_help="Compile all kernels now, so that later processes start at once.")
@json_option
def warmup(as_json: bool) -> None:
    """Compile all kernels now, so that later processes start at once.

    Kernels are compiled for this CPU when they are first needed, which takes half a minute in all,
    and kept on disk. NUMBA_CACHE_DIR says where, if not beside the package or in the user's cache.
    """
    from bnas import binops
    from bnas.binops.dispatch import choose_backend

    backend = choose_backend().name
    seconds = binops.warm_up()
    if as_json:
        print_document({"backend": backend, "seconds": round(seconds, 3)})
        return
    click.echo(f"the {backend} kernels are compiled and kept: {seconds:.1f} s")
