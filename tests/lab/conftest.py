"""One lab for all tests that play with it, and one demo that runs beside it from the start."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.client import LabClient, command, environment

DEMO_SECONDS = 280.0


class Demo:
    """``thongsuot demo`` on its own: started at once, read when it is asked for."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.home.mkdir(parents=True)
        self.state = directory / "state"
        self._output, self._errors = directory / "stdout", directory / "stderr"
        words = ["demo", "--scenario", "cut-line", "--once", "--json", "--lang", "en"]
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command(*words, "--state", str(self.state)), stdin=subprocess.DEVNULL, stdout=output,
                stderr=errors, cwd=self.home, env=environment(self.home),
            )  # fmt: skip

    def finish(self) -> tuple[int, str, str]:
        """Return exit status, stdout and stderr."""
        status = self.process.wait(timeout=DEMO_SECONDS)
        return status, self._output.read_text(encoding="utf-8"), self._errors.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo of one cut line that began when the first test asked for it."""
    started = Demo(tmp_path_factory.mktemp("demo"))
    yield started
    started.process.terminate()
    started.process.wait(timeout=60)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabClient]:
    """A lab in which everything is green."""
    with LabClient(tmp_path_factory.mktemp("lab")) as client:
        yield client


@pytest.fixture
def quiet_lab(lab: LabClient) -> LabClient:
    """The lab, green again, and all that was said in earlier tests read."""
    lab.ask("green", seconds=100)
    lab.ask("pages", seconds=1)
    return lab
