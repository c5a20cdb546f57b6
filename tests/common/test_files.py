"""Files that a configuration names: bounded, and nothing that keeps its reader waiting."""

import os
import socket
from pathlib import Path

import psutil
import pytest

from common.files import read_plain


def test_a_plain_file_is_read_as_far_as_wanted(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"0123456789")
    assert (read_plain(file, 4), read_plain(str(file), 100)) == (b"0123", b"0123456789")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "No such file or directory"),
        ("folder", "Is a directory"),
        ("pipe", "Not a plain file"),
        ("/dev/zero", "Not a plain file"),
        ("socket", "No such device or address"),
        ("a\0b", "Invalid argument"),
        ("x" * 300, "File name too long"),
    ],
)
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = psutil.Process().num_fds()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError, match=words) as error:
            read_plain(tmp_path / name, 10)
    assert error.value.strerror == words
    assert psutil.Process().num_fds() == before
