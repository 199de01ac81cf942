"""The ground room: errors with a hint, whole-or-nothing writing, the frame of a command."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sketchspace import cli
from sketchspace.errors import UserError, unknown_name
from sketchspace.files import read_json, replace_folder, sha256_of, whole_folder, write_bytes, write_json
from sketchspace.quiet import quiet_native_code

ROOT = Path(__file__).resolve().parents[1]


def test_unknown_name_suggests_the_nearest() -> None:
    error = unknown_name("model", "sknt", ["lstm", "sknet", "skresnet"])
    assert "did you mean 'sknet'?" in str(error) and "lstm" in str(error)
    assert "did you mean" not in str(unknown_name("model", "zzzz", ["lstm"]))


def test_sha256_is_that_of_the_published_test_vector(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223b00361a396177a9c")


def test_write_bytes_keeps_the_old_file_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_bytes(target, b"old")
    with pytest.raises(TypeError):
        write_bytes(target, "not bytes")  # type: ignore[arg-type]
    assert target.read_bytes() == b"old" and [path.name for path in tmp_path.iterdir()] == ["file"]


def test_json_refuses_nan_and_round_trips(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": [1, 2.5], "a": "ä"})
    assert read_json(tmp_path / "x.json") == {"a": "ä", "b": [1, 2.5]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "y.json", {"a": float("nan")})
    assert not (tmp_path / "y.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[1]", "nul", "[" * 100_000, "\xff"])
def test_read_json_tells_what_is_wrong_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_bytes(text.encode("latin1"))
    with pytest.raises(UserError) as caught:
        read_json(tmp_path / "x.json")
    assert "x.json" in str(caught.value) and "\n" not in str(caught.value)


def test_whole_folder_appears_only_after_success(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(RuntimeError), whole_folder(target) as folder:
        (folder / "half").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    for content in ("first", "second"):
        with whole_folder(target) as folder:
            (folder / content).touch()
        assert [path.name for path in target.iterdir()] == [content]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def killed_process() -> int:
    """The number of a process that ran and is gone."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
    return process.pid


def test_what_a_killed_process_left_is_swept_away_by_the_next_of_the_same_target(tmp_path: Path) -> None:
    gone, other = killed_process(), subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        names = [f".out.{gone}.partial", f".out.{other.pid}.partial", f".other.{gone}.partial"]
        names += [".out.x.partial", f".out.{gone}.partial.kept", ".out.0.partial", ".out.partial"]
        for name in names:
            (tmp_path / name).mkdir()
        (tmp_path / names[0] / "half").touch()
        with whole_folder(tmp_path / "out") as folder:
            (folder / "file").touch()
        left = {path.name for path in tmp_path.iterdir()}
        assert left == {"out", *names[1:]}, "only what is of this target and of no running process"
    finally:
        other.communicate(b"\n")


def test_a_link_in_place_of_a_leaving_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / f".out.{killed_process()}.partial").symlink_to(tmp_path / "precious")
    with whole_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "precious").is_dir()


def test_a_folder_put_aside_by_a_killed_process_comes_back_or_goes(tmp_path: Path) -> None:
    aside = tmp_path / f".out.{killed_process()}.old"
    for present in (False, True):
        aside.mkdir()
        (aside / "file").write_text("before")
        with pytest.raises(RuntimeError), whole_folder(tmp_path / "out"):
            raise RuntimeError
        assert (tmp_path / "out" / "file").read_text() == "before" and not aside.exists(), present


def test_replace_folder_moves_the_old_one_away(tmp_path: Path) -> None:
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").touch()
    replace_folder(tmp_path / "new", tmp_path / "old")
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["new.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_quiet_native_code_hides_success_and_replays_failure(capfd: pytest.CaptureFixture[str]) -> None:
    write = "import os; os.write(2, b'noise')"
    with quiet_native_code():
        subprocess.run([sys.executable, "-c", write], check=True)
    assert capfd.readouterr().err == ""
    with pytest.raises(RuntimeError), quiet_native_code():
        subprocess.run([sys.executable, "-c", write], check=True)
        raise RuntimeError
    assert capfd.readouterr().err == "noise"


COMMAND = """
import sys
from absl import flags
from sketchspace import cli
from sketchspace.errors import UserError
flags.DEFINE_integer("n", 1, "A number.")
def main(argv):
    if flags.FLAGS.n == 2:
        raise UserError("two is too many; try one")
    if flags.FLAGS.n == 3:
        raise OSError(28, "No space left on device", "x.bin")
    if flags.FLAGS.n == 4:
        raise ZeroDivisionError
    if flags.FLAGS.n == 5:
        raise UserError("a name\\x1b[31m\\nand " + "x" * 100_000)
    print("x" * 1_000_000)
cli.run(main)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("argument", "status", "says"),
    [
        ("--n=2", 1, "error: two is too many; try one\n"),
        ("--n=3", 1, "error: No space left on device: x.bin; nothing half-written was left\n"),
        (
            "--n=x",
            2,
            "error: flag --n=x: invalid literal for int() with base 10: 'x'; --help lists the flags\n",
        ),
        ("--m=1", 2, "error: Unknown command line flag 'm'"),
    ],
)
def test_user_mistakes_are_one_line_with_a_status(argument: str, status: int, says: str) -> None:
    done = run(argument)
    assert done.returncode == status
    assert done.stderr.startswith(says) and done.stderr.count("\n") == 1


def test_a_defect_keeps_its_stack_trace() -> None:
    done = run("--n=4")
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr


def test_an_error_is_one_printable_line_of_bounded_length_whatever_it_holds() -> None:
    done = run("--n=5")
    assert done.returncode == 1 and done.stderr.startswith("error: a name?[31m and xxx")
    assert done.stderr[:-1].isprintable() and len(done.stderr) < 2100


def test_a_closed_pipe_is_no_error() -> None:
    script = f"{shlex.quote(sys.executable)} -c {shlex.quote(COMMAND)} | head -c 5"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "xxxxx" and done.stderr == ""


@pytest.mark.parametrize(
    "framed",
    [
        "two is too many; try one",
        'in user code:\n\n    File "x.py", line 3, in f  *\n        g(x)\n\n'
        "    UserError: two is too many; try one\n",
        'Exception encountered when calling layer "a" (type B).\n\ntwo is too many; try one\n\n'
        "Call arguments received by layer:\n  x=1",
    ],
)
def test_messages_lose_what_frameworks_put_around_them(
    framed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: list[str]) -> None:
        raise UserError(framed)

    with pytest.raises(SystemExit):
        cli._guarded(main, ["x"])
    assert capsys.readouterr().err == "error: two is too many; try one\n"
