"""The accuracy of every trained model of the zoo, measured again and compared with its card.

BNAS_TEST_CIFAR10=FOLDER python -m maintenance.nightly.accuracy_lane
"""

from __future__ import annotations

import sys

import click
import pytest

from maintenance.nightly.figures import write_figures

#: Measures with the packed network, holds to the card, and records both.
TEST = "tests/zoo/test_every_model.py"
NAME = "test_it_is_as_accurate_as_its_card_says"


class AccuracyReader:
    """A pytest plugin that keeps what the tests record.

    Attributes:
        found: For every model the recorded properties, percent.
    """

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the properties of a test that has run."""
        if report.when == "call" and report.user_properties:
            model = report.nodeid.rpartition("[")[2].rstrip("]")
            self.found[model] = {key: float(str(value)) for key, value in report.user_properties}


@click.command()
def main() -> None:
    """Run the accuracy tests and tell what they measured."""
    reader = AccuracyReader()
    arguments = ["-p", "no:cacheprovider", "-m", "slow", "-k", NAME, "--durations", "0", TEST]
    status = int(pytest.main(arguments, plugins=[reader]))
    lines = [
        f"{model}: {each['top1']:.2f} % (card {each['card_top1']:.2f} %)"
        for model, each in reader.found.items()
    ]
    for line in lines:
        click.echo(line)
    write_figures("; ".join(lines), models=reader.found)
    sys.exit(status)


if __name__ == "__main__":
    main(prog_name="python -m maintenance.nightly.accuracy_lane")
