"""Which steps run, in what order, and what is left after a failure."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from sr2fhir.errors import SetupError
from sr2fhir.paths import Layout
from sr2fhir.toolchain import runner, steps
from sr2fhir.toolchain.steps import Step
from tools.compiling.steps import STEPS

from .conftest import Notes

Action = Callable[[Layout], None]


def copy(source: str, target: str) -> Action:
    """Make an action that copies a file from the sources, or from the home, into the home."""

    def run(places: Layout) -> None:
        path = places.sources / source if (places.sources / source).is_file() else places.home / source
        (places.home / target).write_text(path.read_text())

    return run


class Bench:
    """Three steps: b is made of a, c of b; d stands alone and is optional."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places = Layout(folder / "sources", folder / "home")
        self.places.sources.mkdir(parents=True)
        for name in "ad":
            (self.places.sources / name).write_text(name)
        self.actions: dict[str, Action] = {"b": copy("a", "b"), "c": copy("b", "c"), "d": copy("d", "d.out")}
        self.setting = "one"
        self.steps = (
            Step("b", "make b", "b:run", self._sources("a"), self._products("b")),
            Step(
                "c",
                "make c",
                "c:run",
                outputs=self._products("c"),
                after=("b",),
                settings=lambda _: (self.setting,),
            ),
            Step("d", "make d", "d:run", self._sources("d"), self._products("d.out"), is_optional=True),
        )
        monkeypatch.setattr(steps, "import_module", self._module)

    def run(self) -> tuple[str, ...]:
        return runner.run(self.places, Notes(), self.steps)

    def _module(self, name: str) -> SimpleNamespace:
        action = self.actions[name.rpartition(".")[2]]
        return SimpleNamespace(run=lambda places, progress: action(places))

    @staticmethod
    def _sources(name: str) -> Callable[[Layout], list[Path]]:
        return lambda places: [places.sources / name]

    @staticmethod
    def _products(name: str) -> Callable[[Layout], list[Path]]:
        return lambda places: [places.home / name]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def fail(message: str) -> Action:
    def run(_: Layout) -> None:
        raise SetupError(message)

    return run


def test_all_run_first_and_none_after(bench: Bench) -> None:
    assert not runner.is_current(bench.places, bench.steps)
    assert bench.run() == ("b", "c", "d")
    assert runner.is_current(bench.places, bench.steps)
    assert bench.run() == ()


def test_a_changed_input_runs_its_step_and_what_is_made_of_it(bench: Bench) -> None:
    bench.run()
    (bench.places.sources / "a").write_text("other")
    assert bench.run() == ("b", "c")
    assert (bench.places.home / "c").read_text() == "other"


def test_a_rewritten_input_with_the_same_content_runs_nothing(bench: Bench) -> None:
    bench.run()
    (bench.places.sources / "a").write_text("a")
    assert bench.run() == ()


def test_a_changed_setting_runs_its_step(bench: Bench) -> None:
    bench.run()
    bench.setting = "two"
    assert bench.run() == ("c",)


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("touched")])
def test_a_missing_or_touched_output_is_made_again(bench: Bench, harm: Callable[[Path], object]) -> None:
    bench.run()
    harm(bench.places.home / "c")
    assert bench.run() == ("c",)
    assert (bench.places.home / "c").read_text() == "a"


def test_after_a_failure_the_next_run_goes_on_from_there(bench: Bench) -> None:
    good, bench.actions["c"] = bench.actions["c"], fail("c is broken")
    with pytest.raises(SetupError, match="c is broken"):
        bench.run()
    bench.actions["c"] = good
    assert bench.run() == ("c", "d")


def test_an_optional_step_may_fail_and_is_not_tried_again(bench: Bench) -> None:
    bench.actions["d"] = fail("d is broken")
    assert bench.run() == ("b", "c", "d")
    assert bench.run() == ()
    (bench.places.sources / "d").write_text("other")
    assert bench.run() == ("d",)


def test_what_the_system_refuses_names_the_step(bench: Bench) -> None:
    def refuse(_: Layout) -> None:
        raise PermissionError(13, "Permission denied", "b")

    bench.actions["b"] = refuse
    with pytest.raises(SetupError, match=r"the step 'make b' failed: Permission denied \(b\)"):
        bench.run()


def test_a_damaged_record_means_to_begin_anew(bench: Bench) -> None:
    bench.run()
    bench.places.stamps.write_text("{")
    assert bench.run() == ("b", "c", "d")


# ---- the steps of this project ------------------------------------------------------------------------------------


def test_steps_come_after_what_they_need() -> None:
    names = [step.name for step in STEPS]
    assert all(names.index(other) < names.index(step.name) for step in STEPS for other in step.after)


def test_nothing_to_do_is_found_out_without_loading_what_steps_need() -> None:
    code = (
        "import sys; from sr2fhir.cli.main import main; code = main(['setup', '--check']);"
        "heavy = {'rich', 'lxml', 'jgo', 'requests', 'pydicom'} & set(sys.modules);"
        "assert code in (0, 3); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
