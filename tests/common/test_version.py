"""The version is what the package says."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from common.version import version


def test_the_version_is_that_of_the_package() -> None:
    version.cache_clear()
    assert version() == metadata.version("thongsuot")


def test_it_is_found_otherwise_where_no_directory_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "none")])
    monkeypatch.setattr(metadata, "version", lambda name: f"{name} elsewhere")
    version.cache_clear()
    try:
        assert version() == "thongsuot elsewhere"
    finally:
        version.cache_clear()


def test_who_asks_imports_little() -> None:
    script = "import sys; from common.version import version; version(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "importlib.metadata" not in done.stdout.split()
