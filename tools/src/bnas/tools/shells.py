"""Bash, zsh and fish as Click completes for them, with what is wrong mended.

* ``--rule=pa``: bash hands over three words, of which Click takes the ``=`` for a value; zsh and
  fish replace the whole word, so that it must come back whole.
* zsh completes only at the first press of the key where the script is found by ``$fpath``.
* fish splits what it gets at every comma, and values such as ``packed,torch`` have some.
"""

from __future__ import annotations

from typing import ClassVar

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)


class _Shell(ShellComplete):
    """Completes values of options that are joined to them by ``=``."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return what completes the last word, as a whole."""
        if args and args[-1] == "=":
            args = args[:-1]
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if not (equals and option.startswith("-")):
            return found
        return [
            CompletionItem(f"{option}={item.value}", item.type, item.help)
            for item in found
            if item.type == "plain"
        ]


class Bash(_Shell, BashComplete):
    """Bash, 4.4 or newer."""


class Zsh(_Shell, ZshComplete):
    """The Z shell."""

    # Its script lies in a folder of $fpath as the body of a function, and is run at every press.
    source_template: ClassVar[str] = ZshComplete.source_template.replace(
        "$zsh_eval_context[-1] == loadautofunc", "$zsh_eval_context[-1] == (loadautofunc|shfunc)"
    )


class Fish(_Shell, FishComplete):
    """Fish."""

    source_template: ClassVar[str] = FishComplete.source_template.replace(
        'string split ","', 'string split --max 1 ","'
    )


def complete_with_these() -> None:
    """Have Click use these classes when a shell asks it."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)
