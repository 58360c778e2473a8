from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bnas import cells
from bnas.tools.durations import Duration
from bnas.tools.main import main


@pytest.fixture
def plan(photo_folders: Callable[..., Path], tmp_path: Path) -> dict[str, Path]:
    """Write all that a training of seconds needs: 2 classes, 12 photos each, 2 epochs."""
    spec = cells.NetworkSpec(
        genotype=cells.genotypes["bnas-cifar10"], num_cells=2, channels=4, num_classes=2
    )
    (tmp_path / "net.json").write_text(spec.to_json())
    (tmp_path / "recipe.toml").write_text("epochs = 2\nbatch_size = 8\n")
    photo_folders(tmp_path / "data" / "train", 12, "red", "green")
    return {
        "--model": tmp_path / "net.json",
        "--data": tmp_path / "data",
        "--recipe": tmp_path / "recipe.toml",
        "--out": tmp_path / "run",
    }


def arguments(plan: dict[str, Path]) -> list[str]:
    return ["train", "--holdout", "8", *(str(word) for pair in plan.items() for word in pair)]


def test_what_is_trained_can_be_packed_and_measured(
    document: Callable[..., Any], plan: dict[str, Path], tmp_path: Path
) -> None:
    found = document(*arguments(plan))
    assert (found["completed"], found["epochs"]) == (True, 2)
    assert [each["epoch"] for each in found["history"]] == [0, 1]
    assert 0 <= found["holdout_top1"] <= 100
    out = tmp_path / "packed.safetensors"
    document("pack", found["checkpoint"], "-o", out)
    measured = document("evaluate", out, "--data", plan["--data"] / "train")
    assert measured["images"] == 24


def test_a_time_limit_stops_and_the_same_command_goes_on(
    document: Callable[..., Any], call: Callable[..., Result], plan: dict[str, Path]
) -> None:
    stopped = document(*arguments(plan), "--time-limit", "0")
    assert (stopped["completed"], stopped["holdout_top1"]) == (False, None)
    assert Path(stopped["checkpoint"]).is_file()
    result = call(*arguments(plan))
    assert "finished" in result.stdout
    epochs = [line.split(":")[0] for line in result.stderr.splitlines()]
    assert epochs == ["epoch 1/2", "epoch 2/2"]


def test_gradients_are_recorded_on_request(
    document: Callable[..., Any], plan: dict[str, Path]
) -> None:
    from bnas import search

    document(*arguments(plan), "--gradients")
    found = search.read_gradients(plan["--out"])
    assert found.epochs == (0, 1)
    assert found.layers[0] == "stem.conv"


def test_genotype_replaces_the_cells(document: Callable[..., Any], plan: dict[str, Path]) -> None:
    document(*arguments(plan), "--time-limit", "0")
    plan["--out"] = plan["--out"].with_name("other")
    found = document(*arguments(plan), "--genotype", "bnas-imagenet", "--time-limit", "0")
    packed = [
        Path(folder, "checkpoint.pt").stat().st_size
        for folder in (plan["--out"].with_name("run"), Path(found["checkpoint"]).parent)
    ]
    assert packed[1] > packed[0]  # cells without Zeroise have more weights


def test_progress_shows_loss_accuracy_throughput_and_time_left(plan: dict[str, Path]) -> None:
    result = CliRunner(env={"FORCE_COLOR": "1"}).invoke(main, [*arguments(plan), "--json"])
    assert result.exit_code == 0
    for word in ("loss", "held-out", "images/s", "ETA", "epoch 2/2"):
        assert word in result.stderr
    assert result.stdout.startswith("{")


def test_wrong_plans_are_refused(
    refusal: Callable[..., str], plan: dict[str, Path], tmp_path: Path
) -> None:
    missing = {**plan, "--data": tmp_path / "none"}
    assert str(tmp_path / "none") in refusal(*arguments(missing))
    assert "plus-cpu" in refusal(*arguments({**plan, "--recipe": "no-such-recipe"}))
    assert "'BNAS-A'" in refusal(*arguments({**plan, "--model": "BNASA"}))
    plan["--recipe"].write_text("epochs = 0\n")
    assert "`epochs`" in refusal(*arguments(plan))


def test_a_run_of_another_recipe_is_not_written_over(
    document: Callable[..., Any], refusal: Callable[..., str], plan: dict[str, Path]
) -> None:
    document(*arguments(plan), "--time-limit", "0")
    plan["--recipe"].write_text("epochs = 3\nbatch_size = 8\n")
    message = refusal(*arguments(plan))
    assert "another configuration" in message
    assert "recipe.epochs: 2 in the checkpoint, 3 now" in message


def test_without_bnas_search_it_says_what_to_install(
    refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch, plan: dict[str, Path]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", {"bnas.search": None}.__getitem__)
    assert refusal(*arguments(plan)) == (
        "`bnas-tools train` needs bnas-search: pip install 'bnas-tools[search]'"
    )


def test_fields_of_the_recipe_can_be_set(
    document: Callable[..., Any], plan: dict[str, Path]
) -> None:
    found = document(*arguments(plan), "--set", "epochs=1", "--set", "optimizer=sgd")
    assert found["epochs"] == 1
    assert (plan["--out"] / "curves.png").is_file()


def test_a_budget_chooses_the_epochs(
    call: Callable[..., Result], plan: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnas.search.budget._seconds_per_epoch", lambda *_: 0.6)
    plan["--recipe"].write_text("epochs = 2\nbatch_size = 16\n")  # one step an epoch
    result = call(*arguments(plan), "--budget", "2s")
    first, *lines = result.stderr.splitlines()
    epochs = int(first.removeprefix("epochs that fit into the budget: "))
    assert epochs == 3
    assert [line.split(":")[0] for line in lines] == [
        f"epoch {each + 1}/{epochs}" for each in range(epochs)
    ]


@pytest.mark.parametrize("saved", [True, False])
def test_ctrl_c_says_where_the_run_goes_on(
    saved: bool, refusal: Callable[..., str], plan: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = plan["--out"] / "checkpoint.pt"

    def interrupted(*_: object, **__: object) -> None:
        if saved:
            checkpoint.parent.mkdir()
            checkpoint.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("bnas.search.train", interrupted)
    told = refusal(*arguments(plan), code=130)
    assert told == (
        f"interrupted; the same command goes on from {checkpoint}"
        if saved
        else "interrupted before there was a checkpoint"
    )


@pytest.mark.parametrize("option", ["--out", "--data", "--recipe", "--initial", "--teacher"])
def test_empty_paths_are_refused(
    option: str, refusal: Callable[..., str], plan: dict[str, Path]
) -> None:
    told = refusal(*arguments(plan), option, "", code=2)
    assert option in told
    assert "must be a path" in told
    assert not plan["--out"].exists()


def test_errors_name_options_instead_of_parameters(
    refusal: Callable[..., str], plan: dict[str, Path]
) -> None:
    told = refusal(*arguments(plan), "--holdout", "100000")
    assert "`--holdout`" in told
    told = refusal(*arguments(plan), "--device", "gpu")
    assert "`--device` must be one of 'cpu'" in told
    assert "(got 'gpu'" in told
    told = refusal(*arguments(plan), "--cuda-graphs")
    assert "`--cuda-graphs` needs" in told


def test_stages_teacher_and_small_checkpoints(
    document: Callable[..., Any], plan: dict[str, Path], tmp_path: Path
) -> None:
    first = {**plan, "--out": tmp_path / "first"}
    twin = {**plan, "--out": tmp_path / "twin"}
    document(*arguments(first), "--set", "binarize=activations", "--compact", "--events")
    assert list((tmp_path / "first").glob("checkpoint.pt.*.part"))
    assert list((tmp_path / "first" / "events").iterdir())
    document(*arguments(twin), "--set", "binarize=none")
    found = document(
        *arguments(plan),
        *("--initial", tmp_path / "first" / "final.pt"),
        *("--teacher", tmp_path / "twin" / "final.pt"),
        *("--set", "distillation_weight=0.5"),
    )
    assert found["completed"]


def test_the_network_s_skip_and_activation_can_be_changed(
    document: Callable[..., Any], plan: dict[str, Path], tmp_path: Path
) -> None:
    found = document(
        *arguments(plan), "--reduction-skip", "pool", "--activation", "rprelu", "--set", "epochs=1"
    )
    out = tmp_path / "packed.safetensors"
    document("pack", found["checkpoint"], "-o", out)
    assert document("evaluate", out, "--data", plan["--data"] / "train")["images"] == 24


def test_corrupt_photos_are_named_and_left_out_when_asked(
    call: Callable[..., Result], refusal: Callable[..., str], plan: dict[str, Path]
) -> None:
    broken = sorted((plan["--data"] / "train" / "red").iterdir())[0]
    broken.write_bytes(b"no photo")
    assert str(broken) in refusal(*arguments(plan))
    result = call(*arguments(plan), "--skip-corrupt", "--set", "epochs=1")
    assert f"left out: {broken} cannot be decoded" in result.stderr


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("--budget", "soon"), "must be a time >= 0 such as 90s, 30m or 1.5h (got 'soon')"),
        (("--time-limit", "-3m"), "must be a time >= 0"),
        (("--time-limit", "nan"), "must be a time >= 0"),
    ],
)
def test_times_that_are_none_are_refused(
    call: Callable[..., Result], plan: dict[str, Path], extra: tuple[str, str], message: str
) -> None:
    assert message in call(*arguments(plan), *extra, code=2).stderr


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5h", 5400), ("2m", 120)]
)
def test_times_have_units(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize(
    "spec",
    [
        cells.ResNetSpec(blocks=(1, 1), width=4, template="cifar"),
        cells.ResNetSpec(block="bn_sign_conv", blocks=(1, 1), width=4, template="cifar"),
        cells.FloatTwin(cells.ResNetSpec(blocks=(1, 1), width=4, template="cifar")),
        cells.spec("DARTS-V2", num_cells=1, channels=2),
        cells.spec("BATS-style-real", num_cells=1, channels=12),
    ],
)
def test_other_networks_are_trained_and_packed(
    document: Callable[..., Any], plan: dict[str, Path], tmp_path: Path, spec: cells.Spec
) -> None:
    plan["--model"].write_text(spec.to_json())
    found = document(*arguments(plan), "--set", "epochs=1")
    out = tmp_path / "packed.safetensors"
    document("pack", found["checkpoint"], "-o", out)
    assert document("evaluate", out, "--data", plan["--data"] / "train")["images"] == 24


def test_options_of_cells_are_refused_for_other_networks(
    refusal: Callable[..., str], plan: dict[str, Path]
) -> None:
    words = arguments({**plan, "--model": Path("Bi-Real-18")})
    assert "unknown field 'reduction_skip'" in refusal(*words, "--reduction-skip", "pool")
    assert "`--activation` must be one of ('none', 'rprelu')" in refusal(
        *words, "--activation", "relu"
    )
