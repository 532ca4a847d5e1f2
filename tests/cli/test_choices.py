"""Contract: `webgpu-attention` tunes, measures by what was tuned and shows it, and says in one line where it can't."""

import json
import signal
import subprocess
import sys

import pytest

SHAPE = {"name": "small", "batch": 1, "q_len": 20, "kv_len": 20, "heads": 2, "head_size": 32, "causal": False}
SMALL = ["--shapes", "small.json", "--dtypes", "f32"]
BRIEFLY = [*SMALL, "--subjects", "auto", "--repeats", 2, "--calls", 1]


@pytest.fixture
def shapes(tmp_path):
    """A list of one shape that takes any device a moment, where the program runs."""
    (tmp_path / "small.json").write_text(json.dumps([SHAPE]))


def line(finished):
    """The one line of a run that failed before it wrote anything."""
    assert finished.returncode == 1 and finished.stdout == "", finished.stdout + finished.stderr
    assert finished.stderr.startswith("webgpu-attention: ") and finished.stderr.count("\n") == 1, finished.stderr
    return finished.stderr


def of_choices(finished):
    """What a report says of measured choices."""
    assert finished.returncode == 0, finished.stderr
    return [text for text in finished.stdout.splitlines() if text.startswith("  measured choices of path auto: ")]


def test_what_tune_keeps_is_measured_by_and_shown(say, shapes, tmp_path):
    tuned = say("tune", *SMALL, "--seconds", 1, "--cache", "new/cache")
    assert tuned.returncode == 0, tuned.stderr
    (file,) = (tmp_path / "new/cache/choices").glob("*.json")
    end = f"kept in {file.relative_to(tmp_path)}\n"
    assert "\n| small f32 | " in tuned.stdout and tuned.stdout.endswith(f" of 1 choices changed\n{end}")

    measured = say("bench", *BRIEFLY, "--cache", "new/cache", "--json", "result.json")
    assert measured.returncode == 0 and measured.stderr == "", measured.stderr
    (row,) = json.loads((tmp_path / "result.json").read_text())["rows"]
    assert "the fastest measured on this device" in row["decision"]
    shown = say("doctor", "--cache", "new/cache")
    assert f"  measured choices of path auto: 1 in {file.relative_to(tmp_path)}" in of_choices(shown)
    assert "\ncache: new/cache\n" in shown.stdout and "\n  timestamp queries: yes\n" in shown.stdout

    file.write_text(file.read_text().replace('"time"', '"tame"'))
    damaged = say("doctor", "--cache", "new/cache")
    assert damaged.stderr == "" and sum("the file is damaged" in text for text in of_choices(damaged)) == 1
    said = line(say("bench", *BRIEFLY, "--cache", "new/cache"))
    assert "the file is damaged" in said and "`webgpu-attention tune --cache new/cache` replaces it" in said

    file.unlink()
    file.mkdir()
    said = line(say("bench", *BRIEFLY, "--cache", "new/cache"))
    assert "can't be read: it is no file; name another directory with --cache" in said


def test_a_cache_without_choices_is_refused(say, shapes, tmp_path):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "empty").mkdir()
    rule = "--cache takes the directory of measured choices, got"
    for command in (["bench", *BRIEFLY], ["doctor"]):
        said = line(say(*command, "--cache", "typo"))
        assert f"{rule} 'typo', which does not exist: run `webgpu-attention tune --cache typo` first" in said
        assert f"{rule} 'file', which is none: name another" in line(say(*command, "--cache", "file"))
    said = line(say("bench", *BRIEFLY, "--cache", "empty"))
    assert "got 'empty' with none for " in said and "run `webgpu-attention tune --cache empty` first" in said
    # One that is empty as yet can be shown.
    none = "none yet; `webgpu-attention tune --cache empty` makes some"
    assert all(text.endswith(none) for text in of_choices(say("doctor", "--cache", "empty")))
    assert not (tmp_path / "typo").exists() and not list((tmp_path / "empty").iterdir())


@pytest.fixture
def tuning(program, shapes, tmp_path):
    """Tuning that takes minutes, of which the first row is there."""
    command = [str(program), "tune", "--shapes", "small.json,random:1000", "--seconds", "1", "--cache", "cache"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, text=True, **pipes) as running:
        for text in running.stdout:
            if text.startswith("| small f32 | "):
                break
        yield running
        running.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix's")
def test_what_was_tuned_before_an_interrupt_is_kept(tuning, tmp_path):
    tuning.send_signal(signal.SIGINT)
    assert tuning.wait(timeout=60) == -signal.SIGINT
    (file,) = (tmp_path / "cache/choices").glob("*.json")
    assert json.loads(file.read_text())["content"]["choices"]


def test_what_was_tuned_before_an_error_is_said(tuning, tmp_path):
    (tmp_path / "cache/choices").rename(tmp_path / "elsewhere")
    (tmp_path / "cache/choices").write_text("no directory")
    rest, error = tuning.communicate(timeout=300)
    assert tuning.returncode == 1 and "can't be written: " in error, error
    assert " choices changed\nkept in cache" in rest


def test_an_adapter_that_is_not_there_is_refused_with_those_there_are(say):
    for command in ("bench", "tune", "doctor"):
        for name in ("77", "no such GPU"):
            said = line(say(command, "--adapter", name))
            assert f"--adapter takes an index, or part of a name, of an adapter, got '{name}'; there are: 0 " in said


def test_a_machine_without_adapter_is_told_what_it_needs(say, tmp_path):
    none = {"VK_DRIVER_FILES": "/nonexistent/none.json", "VK_ICD_FILENAMES": "/nonexistent/none.json"}
    for command in (["bench"], ["tune", "--cache", tmp_path]):
        assert "install a driver, which `webgpu-attention doctor` then lists" in line(say(*command, **none))


@pytest.mark.skipif(sys.platform != "linux", reason="these places are Linux's")
def test_what_can_not_be_written_is_named(say, program, shapes, tmp_path):
    assert "--plot takes a folder to write into, got `/proc/x`, which can't be written: " in line(say("bench", "--plot", "/proc/x"))
    assert "--json takes a file to write, got `/proc/x`, which can't be written: " in line(say("bench", "--json", "/proc/x"))
    for command in (["doctor"], ["bench", *BRIEFLY], ["tune", *SMALL, "--cache", tmp_path]):
        with open("/dev/full", "w") as full:
            command = [str(program), *map(str, command)]
            finished = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
        assert finished.returncode == 1
        assert "webgpu-attention: standard output can't be written: No space left" in finished.stderr
