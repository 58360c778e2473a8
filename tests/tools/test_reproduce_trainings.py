"""What is trained, from images to sections, at a size of seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

import attrs
import pytest

from bnas import search
from bnas.tools.reproduce import Context, Scale, UnfinishedError, make_section
from bnas.tools.reproduce.section import Picture
from bnas.tools.reproduce.speed import Speed
from bnas.tools.reproduce.subjects import SUBJECTS
from bnas.tools.reproduce.trainings import describe_images, images_of, trained

#: Two steps of every network, on the bundled sample.
TINY = Scale(
    name="quick",
    title="tiny",
    epochs=2,
    recipe="paper-cifar10",
    changes={"batch_size": 32, "resolutions": [[1.0, 8]]},
    seeds=(0, 3),
    train_images=40,
    test_images=20,
    channels={subject.model: 12 for subject in SUBJECTS.values()},
    num_cells={
        subject.model: 3 for subject in SUBJECTS.values() if "18" not in subject.model
        and "34" not in subject.model
    },
)  # fmt: skip


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    found = Context(scale=TINY, out_dir=tmp_path_factory.mktemp("reproduction"))
    assert search.RunOptions  # trainings need it
    return found


@pytest.fixture(autouse=True)
def made_up_times(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(context: Context, label: str, spec: object) -> Speed:
        return Speed(label, 1.0, {"torch": 9.0})

    for name in ("measure_speed", "measure_float"):
        monkeypatch.setattr(f"bnas.tools.reproduce.zeroise_costs.{name}", measure)


@pytest.mark.parametrize("target", ["fig4", "fig5", "table2", "table3", "bats", "baselines"])
def test_every_target_that_trains_makes_its_section(target: str, context: Context) -> None:
    section = make_section(target, context)
    assert section.target == target
    assert section.verdict in ("reproduced", "in part", "not reproduced")
    assert "reduced size" in section.finding
    assert all(table.rows for table in section.tables)
    for part in section.parts:
        if isinstance(part, Picture):
            assert context.path(part.file).stat().st_size > 1000


def test_a_network_is_trained_once_with_every_seed(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = trained(context, ["A"])
    assert before.seeds == (0, 3)
    assert [result.directory.name for result in before.results] == ["A-seed0", "A-seed3"]
    monkeypatch.setattr("bnas.search.run_trials", lambda *_, **__: pytest.fail("trained again"))
    assert trained(context, ["A"]) == (before,)


def test_images_are_balanced_parts_of_the_sample(context: Context) -> None:
    data = images_of(context)
    assert data.train.labels.bincount().tolist() == [4] * 10
    assert len(data.holdout) == 20
    assert "40 training and 20 test images of the sample" in describe_images(context)


def test_a_time_limit_ends_in_one_error(context: Context) -> None:
    late = attrs.evolve(context, time_limit_s=0.0, out_dir=context.path("late"))
    with pytest.raises(UnfinishedError, match="2 of 2 trainings are not finished"):
        trained(late, ["A"])


def test_images_that_cannot_be_decoded_are_named(
    context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = search.unpack_sample(tmp_path / "data") / "train"
    shutil.copytree(sample, tmp_path / "data" / "test")
    broken = sorted(sample.glob("cat/*"))[0]
    broken.write_bytes(b"no image")
    own = attrs.evolve(context, data_dir=tmp_path / "data", skip_corrupt=True, out_dir=tmp_path)
    assert len(images_of(own).train) == 40
    assert f"left out: {broken} cannot be decoded" in capsys.readouterr().err
