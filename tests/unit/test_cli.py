"""The command line: quick, silent about tracebacks, and with the right exit status."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tui import bootstrap, cli
from tui.cli import output
from tui.model.errors import UnavailableError, UsageError
from tui.model.stack import Progress, Service, ServiceState
from tui.settings import load
from tui.stack.java import JavaHome
from tui.stack.local import sql_client
from tui.stack.local.layout import Layout
from tui.stack.provision import Provisioned


def run(*argv: str, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tui", *argv, "--home", str(home)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def test_help_loads_neither_textual_nor_pyarrow_nor_any_client() -> None:
    code = (
        "import sys, tui.cli\n"
        "try: tui.cli.run(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'textual', 'pyarrow', 'pyiceberg', 'confluent_kafka', 'requests', 'rich', 'supervisor', 'duckdb'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert "HEAVY []" in done.stdout, done.stdout + done.stderr


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in cli.COMMANDS:
        with pytest.raises(SystemExit) as end:
            cli.run([command.name, "--help"])
        assert end.value.code == 0
        assert "--home" in capsys.readouterr().out


def test_every_command_has_its_function() -> None:
    import importlib

    for command in cli.COMMANDS:
        module, function = command.target.split(":")
        assert callable(getattr(importlib.import_module(f"tui.cli.{module}"), function)), command.name


def test_wrong_usage_is_status_2(tmp_path: Path) -> None:
    assert run("fly", home=tmp_path).returncode == 2
    wrong = run("lag", "--kafka-port", "no", home=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("lakehouse-tui: flag: kafka_port must be")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["fly"], "invalid choice: 'fly'"),
        (["lag", "--nosuch"], "unrecognized arguments: --nosuch"),
        (["lag", "--js"], "unrecognized arguments: --js"),
        (["logs"], "required: SERVICE"),
        (["candles", "--limit", "0"], "--limit: '0' is not a whole number from 1 up"),
        (["snapshots", "--limit", "-3"], "--limit: '-3' is not a whole number from 1 up"),
        (["logs", "kafka", "--lines", "x"], "-n/--lines: 'x' is not a whole number from 1 up"),
        (["produce", "--count", "1.5"], "--count: '1.5' is not a whole number from 1 up"),
        (["produce", "--rate", "fast"], "--rate: invalid float value: 'fast'"),
    ],
)
def test_wrong_usage_is_one_sentence(argv: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.run(argv)
    error = capsys.readouterr().err
    assert end.value.code == 2
    assert error.startswith("lakehouse-tui: ")
    assert error.endswith(" --help).\n")
    assert error.count("\n") == 1
    assert told in error


def test_a_command_without_a_stack_says_what_to_do(tmp_path: Path) -> None:
    done = run("jobs", "--flink-port", "1", home=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("lakehouse-tui: ")
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["produce", "demo"])
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--rate", "-1"], "--rate is -1,"),
        (["--rate", "nan"], "--rate is nan,"),
        (["--rate", "inf"], "--rate is inf,"),
        (["--backfill", "banana"], "--backfill is 'banana',"),
        (["--backfill", "2"], "--backfill is '2',"),
        (["--late", "7"], "--late is 7,"),
        (["--bad", "nan"], "--bad is nan,"),
        (["--late", ".6", "--bad", ".6"], "--late, --bad must be no more than 1 together"),
    ],
)
def test_a_wrong_producer_option_is_found_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, wrong: list[str], told: str
) -> None:
    home = tmp_path / "home"
    assert cli.run([command, *wrong, "--home", str(home)]) == 2
    assert told in capsys.readouterr().err
    assert not home.exists()


def test_a_missing_sql_file_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["sql", "-f", str(tmp_path / "none.sql"), "--home", str(tmp_path)]) == 2
    assert "There is no file" in capsys.readouterr().err


def test_the_sql_client_is_run_by_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load({"home": tmp_path / "home"}, {})
    layout = Layout(settings.home)
    layout.create()
    layout.flink_home.mkdir(parents=True)
    (tmp_path / "pyflink" / "conf").mkdir(parents=True)
    (tmp_path / "pyflink" / "conf" / "config.yaml").write_text(
        "env:\n  java:\n    opts:\n      all: --add-opens=a/b=c\n"
    )
    java = JavaHome(tmp_path / "java", "17", "PATH")
    found = Provisioned(java, (), (), (), Path(sys.executable), tmp_path / "pyflink", None)
    monkeypatch.setattr(sql_client, "provisioned", lambda _: found)
    file = tmp_path / "query.sql"
    file.write_text("SELECT 1;")
    command, environment = sql_client.command(settings, file)
    assert command[:2] == [str(tmp_path / "java" / "bin" / "java"), f"@{layout.conf / 'sql-client.args'}"]
    assert command[-4:] == ["-i", str(layout.conf / "sql-client.sql"), "-f", str(file)]
    assert '"--add-opens=a/b=c"' in (layout.conf / "sql-client.args").read_text()
    assert environment["TERM"] == "xterm"
    assert environment["LAKEHOUSE_HOME_ID"] == layout.id


def test_a_program_takes_the_place_of_the_command() -> None:
    code = (
        "import os; from tui.cli.process import become; print('before', os.getpid())\n"
        "become(['/bin/sh', '-c', 'echo after $$ $WORD; kill -PIPE $$; exit 7'], {'WORD': 'given'})"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as done:
        said, _ = done.communicate(timeout=20)
    assert said == f"before {done.pid}\nafter {done.pid} given\n"
    assert done.returncode == -signal.SIGPIPE


def test_produce_in_the_foreground_is_the_producer_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[str] = []

    def become(command: list[str], _: object) -> None:
        became.extend(command)
        raise SystemExit(0)

    monkeypatch.setattr("tui.cli.produce.become", become)
    with pytest.raises(SystemExit):
        cli.run(["produce", "--foreground", "--rate", "5", "--home", str(tmp_path)])
    assert became[0] == sys.executable
    assert became[-2:] == ["--rate", "5.0"]
    assert "--status-file" not in became


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["up"], "The remote backend starts and stops nothing"),
        (["down"], "The remote backend starts and stops nothing"),
        (["down", "--purge", "--yes"], "The remote backend starts and stops nothing"),
        (["demo", "--headless"], "choose another --backend"),
    ],
)
def test_what_the_remote_backend_does_not_offer_is_wrong_usage(
    command: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("KAFKA", "FLINK"):
        monkeypatch.setenv(f"LAKEHOUSE_REMOTE_{name}", "127.0.0.1:1" if name == "KAFKA" else "http://127.0.0.1:1")
    assert cli.run([*command, "--backend", "remote", "--home", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
    assert not list(tmp_path.iterdir())


class Stack:
    """A backend whose services are in one state; counts how often it was taken down."""

    def __init__(self, state: ServiceState) -> None:
        self.state = state
        self.downs = 0

    def capabilities(self) -> frozenset[str]:
        return frozenset({"up", "down"})

    def services(self) -> tuple[Service, ...]:
        return (Service("kafka", ServiceState.STOPPED), Service("s3", self.state))

    def down(self, _: object) -> None:
        self.downs += 1
        os.kill(os.getpid(), signal.SIGINT)  # the impatient user


@pytest.mark.parametrize(
    ("state", "downs"), [(ServiceState.STOPPED, 1), (ServiceState.READY, 0), (ServiceState.UNKNOWN, 0)]
)
@pytest.mark.parametrize(("end", "status"), [(None, 0), (UnavailableError("It broke."), 1), (KeyboardInterrupt(), 130)])
def test_the_demo_stops_only_what_it_has_started(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    state: ServiceState,
    downs: int,
    end: BaseException | None,
    status: int,
) -> None:
    def steps(*_: object) -> int:
        if end is not None:
            raise end
        return 0

    stack = Stack(state)
    monkeypatch.setattr("tui.bootstrap.backend", lambda _: stack)
    monkeypatch.setattr("tui.cli.demo._run", steps)
    assert cli.run(["demo", "--headless", "--home", str(tmp_path)]) == status
    said = "".join(capsys.readouterr())
    assert stack.downs == downs
    assert ("was up before the demo" in said) is (downs == 0)
    assert ("Interrupted." in said) is (status == 130)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_command_with_130(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import signal, sys, tui.__main__, tui.cli.stack as s\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.argv[1:] = ['status', '--home', sys.argv[1]]\n"
        "def wait(*_):\n print('waits', flush=True)\n signal.pause()\n"
        "s.status = wait\n"
        "tui.__main__.main()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as ended:
        assert ended.stdout is not None
        assert ended.stdout.readline() == "waits\n"
        ended.send_signal(number)
        _, error = ended.communicate(timeout=20)
    assert (ended.returncode, error) == (130, "lakehouse-tui: Interrupted.\n")


def test_logs_of_what_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["logs", "../nosuch", "--home", str(tmp_path)]) == 2
    assert "There is no service ../nosuch; there are kafka, s3," in capsys.readouterr().err
    assert cli.run(["logs", "kafka", "--home", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "lakehouse-tui: kafka has no log yet; run `lakehouse-tui up`.\n"


def test_logs_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "kafka.log").write_text("one\n[two] é\nthree\n", encoding="utf-8")
    assert cli.run(["logs", "kafka", "--json", "--lines", "2", "--home", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"service": "kafka", "lines": ["[two] é", "three"]}


def test_logs_that_are_followed_are_one_json_object_a_line(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "kafka.log"
    log.parent.mkdir()
    log.write_text("one\ntwo\n", encoding="utf-8")
    command = [sys.executable, "-m", "tui", "logs", "kafka", "-f", "--json", "--home", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as followed:
        assert followed.stdout is not None
        try:
            said = [json.loads(followed.stdout.readline()) for _ in range(2)]
            with log.open("a", encoding="utf-8") as more:
                more.write('"three"\n')
            said.append(json.loads(followed.stdout.readline()))
        finally:
            followed.kill()
    assert said == [{"line": "one"}, {"line": "two"}, {"line": '"three"'}]


def test_status_without_an_answer_about_the_producer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def hangs(_: object) -> None:
        raise UnavailableError("The supervisor does not answer.")

    monkeypatch.setattr("tui.bootstrap.producer_status", hangs)
    assert cli.run(["status", "--json", "--home", str(tmp_path)]) == 1
    assert json.loads(capsys.readouterr().out)["producer"] is None
    assert cli.run(["status", "--home", str(tmp_path)]) == 1
    assert "Producer: The supervisor does not answer." in capsys.readouterr().out


def test_an_unexpected_error_is_logged_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> int:
        raise KeyError("secret")

    monkeypatch.setattr("tui.cli.doctor.doctor", broken)
    assert cli.run(["doctor", "--home", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "KeyError" in error
    assert "Traceback" in (tmp_path / "logs" / "errors.log").read_text()


def test_the_log_of_unexpected_errors_does_not_grow_for_ever(tmp_path: Path) -> None:
    found = load({"home": tmp_path}, {})
    log = tmp_path / "logs" / "errors.log"
    for _ in range(40):
        bootstrap.report(found, KeyError("x" * 100_000))
        assert log.stat().st_size < 1.3 * 2**20
    assert sorted(path.name for path in log.parent.iterdir()) == ["errors.log", "errors.log.1"]


@pytest.mark.parametrize(
    ("error", "status"), [(UsageError("a"), 2), (UnavailableError("b"), 1), (KeyboardInterrupt(), 130)]
)
def test_exit_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr("tui.cli.doctor.doctor", fail)
    assert cli.run(["doctor", "--home", str(tmp_path)]) == status


def test_purge_without_a_terminal_needs_yes(tmp_path: Path) -> None:
    done = run("down", "--purge", home=tmp_path)
    assert done.returncode == 2
    assert "--yes" in done.stderr


def test_unknown_is_a_dash_and_zero_is_zero() -> None:
    assert output.cell(None) == "–"
    assert output.cell(0) == "0"
    assert output.cell(0.0) == "0"
    assert output.cell(1234567) == "1,234,567"


def test_text_from_outside_is_no_markup() -> None:
    assert output.cell("[red]x\x1b[31m:smile:\x9b1m") == "[red]x:smile:·1m"


def test_progress_without_a_terminal_is_one_line_a_change(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress() as sink:
        sink(Progress("jars", done=5, total=100, unit="bytes"))
        sink(Progress("jars", done=6, total=100, unit="bytes"))
        sink(Progress("jars", done=50, total=100, unit="bytes"))
        sink(Progress("kafka", "ready", finished=True))
    assert capsys.readouterr().err.splitlines() == ["jars: 0% of 0.0 MB", "jars: 50% of 0.0 MB", "kafka: ready (done)"]


HOSTILE = 'a\x1b[31m[red]b[/]\x1b]0;title\x07\x9b2J\u202e\ud800"end'


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def harmless(text: str) -> bool:
    return not any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c in "\u202e\ud800" for c in text)


def test_a_terminal_gets_no_orders_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    screen, errors = Screen(), Screen()
    monkeypatch.setenv("TERM", "dumb")  # no styles of the commands' own
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", errors)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "kafka.log").write_text(HOSTILE, encoding="utf-8", errors="surrogatepass")
    for flags in ([], ["--json"]):
        assert cli.run(["logs", "kafka", f"--home={tmp_path}", *flags]) == 0
    output.say(f"first\n{HOSTILE}")
    output.print_json({"name": HOSTILE})
    output.table(HOSTILE, ("a",), [(HOSTILE,), (f"{HOSTILE}\nb",)])
    assert cli.run(["logs", HOSTILE, f"--home={tmp_path}"]) == 2
    assert cli.run(["status", f"--home={tmp_path}/{HOSTILE[:-5]}", "--kafka-port=\x1b[2J"]) == 2
    with output.progress() as sink:
        sink(Progress(HOSTILE, HOSTILE, 1, 2))
    assert screen.getvalue().count("[red]b[/]") >= 6
    assert harmless(screen.getvalue()), screen.getvalue()
    assert errors.getvalue().count("[red]b[/]") >= 3
    assert not any(order in errors.getvalue() for order in ("\x1b]0;", "\x9b", "\x07", "\x1b[2J", "\u202e"))
    assert json.loads(output.as_json({"name": HOSTILE})) == {"name": HOSTILE}


def test_a_pipe_gets_a_log_as_it_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "kafka.log").write_bytes(b"a\x1b[31mb\n")
    cli.run(["logs", "kafka", f"--home={tmp_path}"])
    assert capsys.readouterr().out == "a\x1b[31mb\n"


def test_a_home_whose_name_is_no_text_is_still_told(tmp_path: Path) -> None:
    home = os.fsencode(tmp_path) + b"/h\xff\x1b[31m"
    done = subprocess.run(
        [sys.executable, "-m", "tui", "status", b"--home=" + home], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"\x1b" not in done.stderr
