"""Pacing, options, the status file, and what the producer does without Kafka."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.no_space import no_space

PRODUCER = Path(__file__).parents[2] / "producer"
sys.path.insert(0, str(PRODUCER))

from confluent_kafka import KafkaError  # noqa: E402
from delivery import Delivery, DeliveryError  # noqa: E402
from events import Event  # noqa: E402
from pacing import Pacer  # noqa: E402
from status import Status, counted_before, history_was_written, write_status  # noqa: E402

from producer import STOP_DEADLINE_S, Run, duration, parse  # noqa: E402
from tui.model.errors import LakehouseError, UnavailableError  # noqa: E402
from tui.settings import Settings  # noqa: E402
from tui.stack.local.backend import LocalBackend  # noqa: E402
from tui.stack.local.layout import Layout  # noqa: E402
from tui.stack.local.producer import LocalProducer  # noqa: E402
from tui.stack.local.spec import ProgramSpec  # noqa: E402
from tui.stack.local.supervision import ProgramState, State  # noqa: E402


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def drive(pacer: Pacer, clock: Clock, seconds: float, nap: float = 0.0) -> int:
    """Send whatever is due until `seconds` have passed; every round takes at least `nap`."""
    sent, until = 0, clock.now + seconds
    while clock.now < until:
        sent += pacer.due(10_000)
        clock.now += max(nap, pacer.wait_s(), 1e-6)
    return sent


@pytest.mark.parametrize("rate", [0.5, 1.0, 3.0, 50.0, 333.3, 5_000.0])
@pytest.mark.parametrize("nap", [0.0, 0.02])
def test_pacing_is_exact_and_does_not_drift(rate: float, nap: float) -> None:
    clock = Clock()
    assert drive(Pacer(rate, clock), clock, 60, nap) == pytest.approx(60 * rate, abs=max(2, rate * 0.03))


def test_the_first_message_is_due_at_once_and_the_next_after_its_interval() -> None:
    clock = Clock()
    pacer = Pacer(10.0, clock)
    assert pacer.due(100) == 1
    assert pacer.due(100) == 0
    assert pacer.wait_s() == pytest.approx(0.1)
    clock.now += 0.35
    assert pacer.due(100) == 3


def test_a_short_stall_is_made_up_for() -> None:
    clock = Clock()
    pacer = Pacer(100.0, clock)
    pacer.due(1_000)
    clock.now += 0.8
    assert pacer.due(1_000) == pytest.approx(80, abs=1)


def test_a_long_stall_is_made_up_for_by_one_second_only() -> None:
    clock = Clock()
    pacer = Pacer(100.0, clock)
    pacer.due(1_000)
    clock.now += 20
    assert pacer.due(1_000) == 100
    assert pacer.due(1_000) == 0
    assert drive(pacer, clock, 10) == pytest.approx(1_000, abs=2)


def test_the_batch_limit_keeps_the_rest_for_later() -> None:
    clock = Clock()
    pacer = Pacer(1_000.0, clock)
    clock.now += 0.5
    assert [pacer.due(200) for _ in range(4)] == [200, 200, 101, 0]


def test_rate_0_is_without_bound() -> None:
    pacer = Pacer(0.0, Clock())
    assert pacer.due(256) == 256
    assert pacer.wait_s() == 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1_800), ("2h", 7_200), ("1d", 86_400), ("1.5h", 5_400)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


def test_options_have_the_lab_as_their_default() -> None:
    options = parse([])
    assert (options.bootstrap, options.topic, options.rate) == ("127.0.0.1:9092", "trades", 50.0)
    assert options.symbols == ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    assert options.count is None
    assert options.faults.late_by_ms == 600_000


@pytest.mark.parametrize(
    "wrong",
    [
        ["--rate", "-1"],
        ["--rate", "nan"],
        ["--rate", "inf"],
        ["--count", "1.5"],
        ["--seed", "x"],
        ["--backfill", "2"],
        ["--bad", "1.5"],
        ["--late", "0.6", "--duplicates", "0.6"],
        ["--symbols", "A,,B"],
        ["--bootstrap", "localhost"],
        ["--bootstrap", "localhost:x"],
        ["--unknown"],
    ],
)
def test_a_wrong_option_is_one_sentence_and_status_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(wrong)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.count("\n") == 1
    assert said.startswith("producer: ")


def left_behind(path: Path, **fields: object) -> Path:
    path.write_text(json.dumps({"backfill": "done", "state": "running", **fields}))
    return path


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({}, True),
        ({"state": "waiting"}, True),
        ({"state": "failed"}, True),
        ({"state": "stopped"}, False),
        ({"state": "finished"}, False),
        ({"backfill": "running"}, False),
        ({"backfill": None}, False),
    ],
)
def test_only_a_crash_after_the_history_keeps_it_from_being_repeated(
    tmp_path: Path, fields: dict[str, object], written: bool
) -> None:
    assert history_was_written(left_behind(tmp_path / "status.json", **fields)) is written


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({"counted": 7}, 7),
        ({"counted": 7, "state": "waiting"}, 7),
        ({"counted": 7, "state": "stopping"}, 7),
        ({"counted": 7, "state": "failed"}, 0),
        ({"counted": 7, "state": "stopped"}, 0),
        ({"counted": 7, "state": "finished"}, 0),
        ({"counted": "7"}, 0),
        ({}, 0),
    ],
)
def test_only_a_killed_run_leaves_a_count_to_go_on_from(
    tmp_path: Path, fields: dict[str, object], counted: int
) -> None:
    assert counted_before(left_behind(tmp_path / "status.json", **fields)) == counted


class Reached(Delivery):
    """Kafka that acknowledges at once."""

    def connect(self) -> bool:
        self.connected = True
        return True

    def send(self, event: Event) -> bool:
        self.sent += 1
        self.acknowledged += 1
        return True

    def serve(self, timeout_s: float) -> None:
        pass


@pytest.mark.parametrize(
    ("state", "backfill", "sent", "counted"),
    [("running", "60s", 40, 100), ("stopped", "60s", 400, 100), ("running", "", 40, 100)],
)
def test_a_count_goes_on_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, backfill: str, sent: int, counted: int
) -> None:
    monkeypatch.setattr("producer.Delivery", Reached)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    left = left_behind(tmp_path / "status.json", state=state, counted=60, acknowledged=360)
    options = ["--count", "100", "--rate", "0", "--status-file", str(left)]
    assert Run(parse([*options, *(["--backfill", backfill] if backfill else [])])).main() == 0
    told = json.loads(left.read_text())
    assert (told["state"], told["sent"], told["counted"]) == ("finished", sent, counted)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null"])
def test_a_broken_status_file_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "status.json").write_bytes(content)
    assert history_was_written(tmp_path / "status.json") is False
    assert counted_before(tmp_path / "status.json") == 0
    assert history_was_written(tmp_path / "none.json") is False


def test_the_status_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    status = Status(pid=1, rate=5.0, started_at="then", updated_at="then")
    write_status(path, status)
    status.sent = 9
    write_status(path, status)
    assert json.loads(path.read_text())["sent"] == 9
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]


def test_a_status_that_cannot_be_written_stays_as_it_was_and_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "status.json"
    run = Run(parse(["--status-file", str(path)]))
    run._tick()
    before = path.read_text()
    with no_space():
        for _ in range(3):
            run._tick(force=True)
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]
    assert capsys.readouterr().err.count("cannot be written: File too large.") == 1
    run.delivery.sent = 7
    run._tick(force=True)
    assert json.loads(path.read_text())["sent"] == 7


def test_a_fatal_error_ends_the_delivery_with_a_sentence() -> None:
    delivery = Delivery("127.0.0.1:1", "trades", lambda: True)
    delivery._on_error(KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "sequence lost", True))
    with pytest.raises(DeliveryError, match=r"refuses to go on \(sequence lost\).*start the producer again"):
        delivery.serve(0.0)


def test_without_kafka_it_waits_says_so_and_ends_in_order(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound but not listening: refused, and nobody else can take it
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status = tmp_path / "status.json"
        run = subprocess.Popen(
            [sys.executable, PRODUCER / "producer.py", "--bootstrap", address, "--status-file", status],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert run.stderr is not None
            said = run.stderr.readline()
            os.kill(run.pid, signal.SIGTERM)
            rest, _ = run.communicate(timeout=15)
        finally:
            if run.poll() is None:
                run.kill()
                run.wait()
    assert said.startswith(f"waiting for Kafka at {address}")
    assert run.returncode == 0
    assert rest.startswith("sent 0, acknowledged 0, failed 0")
    left = json.loads(status.read_text())
    assert (left["state"], left["sent"], left["pid"]) == ("stopped", 0, run.pid)


def test_it_never_loads_the_dashboard() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import producer; sys.exit(any(m == 'tui' for m in sys.modules))"
    )
    started = time.monotonic()
    assert subprocess.run([sys.executable, "-c", code, PRODUCER], check=False).returncode == 0
    assert time.monotonic() - started < 10


class Supervised(LocalBackend):
    """A backend with one program, which writes its status when it starts and when it is stopped."""

    def __init__(self, settings: Settings, *, state: State, starts: str | None = None, ends: str | None = None) -> None:
        super().__init__(settings)
        self.state: State | None = state
        self.starts, self.ends = starts, ends
        self.run = Layout(settings.home).run
        self.run.mkdir(parents=True, exist_ok=True)

    def tell(self, content: str | None) -> None:
        if content is not None:
            (self.run / "producer.json").write_text(content)

    def program_status(self, name: str) -> ProgramState | None:
        return None if self.state is None else ProgramState(name, self.state, 42, 1.0, "")

    def start_program(self, name: str, *_: object, **__: object) -> ProgramState:
        self.tell(self.starts)
        return ProgramState(name, State.STARTING, 42, 0.0, "")

    def stop_program(self, name: str) -> None:
        self.tell(self.ends)
        self.state = None


class Leaving(Supervised):
    """Its process is there for the first looks, and then gone; until then nothing can be started."""

    looked = 0

    def program_status(self, name: str) -> ProgramState | None:
        self.looked += 1
        self.state = State.RUNNING if self.looked < 4 else State.EXITED
        return super().program_status(name)

    def start_program(self, name: str, *rest: object, **more: object) -> ProgramState:
        assert self.state is State.EXITED
        return super().start_program(name, *rest, **more)


def test_a_background_producer_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, cache=tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "producer.log").write_text("producer: argument --rate: 'x' is no number.\n")
    producer = LocalProducer(settings, Supervised(settings, state=State.EXITED))
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=r"did not start .*argument --rate: 'x' is no number"):
        producer.start({"rate": "x"})
    assert time.monotonic() - started < 5


def test_a_background_producer_that_is_done_at_once_has_started(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, cache=tmp_path)
    backend = Supervised(settings, state=State.EXITED, starts='{"pid": 7, "state": "finished"}')
    assert LocalProducer(settings, backend).start({"count": "1"}) == 7


def test_one_that_has_just_finished_is_let_go_before_the_next_starts(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, cache=tmp_path)
    backend = Leaving(settings, state=State.RUNNING, starts='{"pid": 7, "state": "running"}')
    backend.tell('{"pid": 6, "state": "finished"}')
    assert LocalProducer(settings, backend).start({}) == 7


def test_one_that_runs_is_refused_at_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, cache=tmp_path)
    backend = Leaving(settings, state=State.RUNNING)
    backend.tell('{"pid": 6, "state": "running"}')
    with pytest.raises(LakehouseError, match=r"A producer already runs \(process 42\)"):
        LocalProducer(settings, backend).start({})
    assert backend.looked == 1


def stopped(home: Path, ends: str | None, state: State = State.RUNNING) -> int | None:
    settings = Settings(home=home, cache=home)
    return LocalProducer(settings, Supervised(settings, state=state, ends=ends)).stop()


def test_a_stop_tells_how_many_were_acknowledged(tmp_path: Path) -> None:
    assert stopped(tmp_path, '{"state": "stopped", "sent": 9, "acknowledged": 9}') == 9
    assert stopped(tmp_path / "new", None) == 0


def test_a_stop_tells_what_was_lost(tmp_path: Path) -> None:
    lost = '{"state": "failed", "sent": 9, "acknowledged": 2, "detail": "7 of 9 messages were not acknowledged."}'
    with pytest.raises(LakehouseError, match="it failed: 7 of 9 messages"):
        stopped(tmp_path, lost)
    with pytest.raises(LakehouseError, match="it failed: 7 of 9 messages"):  # it had ended before, by itself
        stopped(tmp_path, None, State.EXITED)
    with pytest.raises(LakehouseError, match="killed before it was done: 2 messages were acknowledged"):
        stopped(tmp_path / "killed", '{"state": "stopping", "sent": 9, "acknowledged": 2}')


def test_no_producer_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "producer.json").write_text('{"state": "finished", "sent": 9, "acknowledged": 9}')
    assert stopped(tmp_path, None, State.EXITED) is None


def test_the_producer_gives_up_before_it_would_be_killed() -> None:
    assert ProgramSpec("producer", ()).stop_wait_s - STOP_DEADLINE_S >= 1
