"""`run_console`: the commands of a console block, and what each of them writes."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from maintenance.expected_output import difference

_TIMEOUT_S = 600


class ShellError(AssertionError):
    """A command that fails, does not fail, or writes something else than it should."""


@frozen
class Command:
    """One command of a console block.

    Attributes:
        text: What is typed, without the prompt; may have several lines.
        output: What the block shows below it; empty if nothing.
    """

    text: str
    output: str

    @property
    def fails(self) -> bool:
        """Whether the command is shown to fail."""
        return any(line.startswith("Error: ") for line in self.output.splitlines())


def read_console(text: str) -> list[Command]:
    r"""Return the commands of a block; a line that ends in ``\`` goes on in the next one.

    Raises:
        ShellError: The block does not begin with a command.
    """
    typed: list[list[str]] = []
    outputs: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            typed.append([line.removeprefix("$ ")])
            outputs.append([])
        elif not typed:
            raise ShellError(f"a console block must begin with '$ ' (got {line!r})")
        elif not outputs[-1] and typed[-1][-1].endswith("\\"):
            typed[-1].append(line.removeprefix("> "))
        else:
            outputs[-1].append(line)
    pairs = zip(typed, outputs, strict=True)
    return [Command("\n".join(lines), "\n".join(output)) for lines, output in pairs]


def run_console(
    text: str, folder: Path, environment: Mapping[str, str], *, numbers_vary: bool = False
) -> None:
    """Run the commands of a block in one bash, and compare what they write.

    Args:
        text: The block.
        folder: Where the shell begins.
        environment: All variables of the shell.
        numbers_vary: Whether numbers of the output may differ.

    Raises:
        ShellError: A command ends otherwise than the block shows.
    """
    commands = read_console(text)
    mark = f"--{secrets.token_hex(8)}--"
    # The shell ends with the command that fails; what a command wrote is cut off at the marks.
    script = ["set -uo pipefail", "exec 2>&1 </dev/null"]
    for command in commands:
        ending = "" if command.fails else '[ "$status" = 0 ] || exit 0'
        script += [command.text, "status=$?", f'printf "%s" "{mark}$status{mark}"', ending]
    try:
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)], cwd=folder, env=environment, check=False,
            stdout=subprocess.PIPE, text=True, encoding="utf-8", timeout=_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ShellError(f"no end after {_TIMEOUT_S} s: {text}") from error
    outputs = done.stdout.split(mark)
    for command, printed, status in zip(commands, outputs[::2], outputs[1::2], strict=False):
        _check(command, printed, int(status), numbers_vary)
    if len(outputs) != 2 * len(commands) + 1 or done.returncode:
        raise ShellError(f"the shell ended with {done.returncode}: {outputs[-1]}")


def _check(command: Command, printed: str, status: int, numbers_vary: bool) -> None:
    if (status != 0) != command.fails:
        wanted = "fail" if command.fails else "succeed"
        raise ShellError(f"`{command.text}` must {wanted} (got exit status {status}):\n{printed}")
    if command.output.strip():
        told = difference(command.output, printed, numbers_vary=numbers_vary)
        if told:
            raise ShellError(f"`{command.text}`: {told}")
