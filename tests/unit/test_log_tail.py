"""Logs followed piece by piece: rotation, loss, bursts, endless lines."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from tui.model.errors import LakehouseError, NotFoundError
from tui.model.logs import Level, LogChunk
from tui.stack.local import logs
from tui.stack.local.layout import Layout
from tui.stack.local.log_tail import FIRST_BYTES, LocalLogs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    layout = Layout(tmp_path / "home")
    layout.create()
    return layout.logs


def reader(folder: Path, now: float | None = None) -> LocalLogs:
    """A reader at a time when no file is quiet yet, or at `now`."""
    return LocalLogs(Layout(folder.parent), now=lambda: 0.0 if now is None else now)


def texts(chunk: LogChunk) -> list[str]:
    return [line.text for line in chunk.lines]


def append(path: Path, text: str | bytes) -> None:
    with path.open("ab") as handle:
        handle.write(text.encode() if isinstance(text, str) else text)


def test_services_are_known_before_they_have_a_log(folder: Path) -> None:
    append(folder / "s3.log", "12345")
    append(folder / "other.log", "")
    found = {info.service: info for info in reader(folder).services()}
    assert list(found) == [
        "kafka", "s3", "jobmanager", "taskmanager", "producer", "submit", "supervisord", "other",
    ]  # fmt: skip
    assert (found["kafka"].size_bytes, found["kafka"].changed_at) == (None, None)
    assert found["s3"].size_bytes == 5
    assert found["s3"].changed_at is not None


def test_it_goes_on_where_it_was(folder: Path) -> None:
    log, logs_ = folder / "kafka.log", reader(folder)
    append(log, "one\ntwo\n")
    first = logs_.tail("kafka")
    assert (texts(first), first.start, first.truncated) == (["one", "two"], None, False)
    assert first.path == str(log)
    assert logs_.tail("kafka", first.cursor).cursor == first.cursor
    append(log, "three\nfo")
    second = logs_.tail("kafka", first.cursor)
    assert (texts(second), second.start) == (["three"], first.cursor)
    append(log, "ur\n")
    assert texts(logs_.tail("kafka", second.cursor)) == ["four"]
    assert texts(logs_.tail("kafka", first.cursor)) == ["three", "four"]  # a lost answer loses nothing


def test_a_last_line_without_end_is_shown_once_the_file_is_quiet(folder: Path) -> None:
    append(folder / "submit.log", "one\nkilled in the mid")
    quiet = reader(folder, time.time() + 10)
    assert texts(reader(folder).tail("submit")) == ["one"]
    chunk = quiet.tail("submit")
    assert texts(chunk) == ["one", "killed in the mid"]
    assert texts(quiet.tail("submit", chunk.cursor)) == []


def test_only_the_end_of_a_long_log_is_read(folder: Path) -> None:
    line = "x" * 99 + "\n"
    append(folder / "kafka.log", line * 10_000)
    chunk = reader(folder).tail("kafka")
    assert len(chunk.lines) == FIRST_BYTES // 100
    assert set(texts(chunk)) == {"x" * 99}
    assert chunk.truncated


def test_a_line_that_begins_exactly_where_reading_begins_is_whole(folder: Path) -> None:
    append(folder / "kafka.log", "a" * 63 + "\n" + ("b" * 63 + "\n") * (FIRST_BYTES // 64))
    chunk = reader(folder).tail("kafka")
    assert len(chunk.lines) == FIRST_BYTES // 64
    assert set(texts(chunk)) == {"b" * 63}


def test_the_beginning_reaches_into_rotated_files(folder: Path) -> None:
    append(folder / "kafka.log.2", "one\n")
    append(folder / "kafka.log.1", "two\nthr")
    append(folder / "kafka.log", "ee\nfour\n")
    chunk = reader(folder).tail("kafka")
    assert texts(chunk) == ["one", "two", "three", "four"]


def test_rotations_lose_nothing(folder: Path) -> None:
    log, logs_ = folder / "kafka.log", reader(folder)
    append(log, "one\n")
    chunk = logs_.tail("kafka")
    append(log, "two\nthr")
    log.rename(folder / "kafka.log.2")
    append(folder / "kafka.log.1", "ee\n")
    assert texts(logs_.tail("kafka", chunk.cursor)) == ["two", "three"]  # between the rename and the new file
    append(log, "four\n")
    after = logs_.tail("kafka", chunk.cursor)
    assert (texts(after), after.truncated) == (["two", "three", "four"], False)
    append(log, "five\n")
    assert texts(logs_.tail("kafka", after.cursor)) == ["five"]


def test_a_file_rotated_away_is_followed_by_the_new_one(folder: Path) -> None:
    log, logs_ = folder / "kafka.log", reader(folder)
    append(log, "one\n")
    chunk = logs_.tail("kafka")
    kept = log.open("rb")  # so that the new file gets another inode
    log.unlink()
    append(folder / "kafka.log.1", "never seen\n")
    append(log, "new\n")
    kept.close()
    after = logs_.tail("kafka", chunk.cursor)
    assert (texts(after), after.skipped_bytes, after.truncated) == (["new"], None, True)


def test_a_file_written_anew_in_place_is_read_from_its_begin(folder: Path) -> None:
    log, logs_ = folder / "submit.log", reader(folder)
    log.write_text("the first submission\n")
    chunk = logs_.tail("submit")
    log.write_text("2\n")
    shorter = logs_.tail("submit", chunk.cursor)
    assert (texts(shorter), shorter.skipped_bytes) == (["2"], None)
    log.write_text("3rd submission, longer than what was there before\n")  # same inode, more bytes
    longer = logs_.tail("submit", shorter.cursor)
    assert (texts(longer), longer.skipped_bytes) == (["3rd submission, longer than what was there before"], None)


def test_a_missing_and_a_deleted_log_are_sentences(folder: Path) -> None:
    logs_ = reader(folder)
    with pytest.raises(NotFoundError, match="kafka has no log yet; start the stack first"):
        logs_.tail("kafka")
    with pytest.raises(NotFoundError, match="submit has no log yet; submit the job first"):
        logs_.tail("submit")
    append(folder / "kafka.log", "one\n")
    cursor = logs_.tail("kafka").cursor
    (folder / "kafka.log").unlink()
    with pytest.raises(NotFoundError, match=r"kafka\.log is gone; it comes back with the next line of kafka"):
        logs_.tail("kafka", cursor)
    append(folder / "kafka.log", "again\n")
    assert texts(logs_.tail("kafka", cursor)) == ["again"]


def test_older_files_alone_are_not_read_again(folder: Path) -> None:
    append(folder / "kafka.log", "one\n")
    cursor = reader(folder).tail("kafka").cursor
    append(folder / "kafka.log.1", "read long ago\n")
    (folder / "kafka.log").unlink()
    with pytest.raises(NotFoundError, match="is gone"):
        reader(folder).tail("kafka", cursor)


def test_a_file_seen_twice_during_a_rotation_counts_once(folder: Path) -> None:
    append(folder / "kafka.log", "one\n")
    os.link(folder / "kafka.log", folder / "kafka.log.1")
    assert texts(reader(folder).tail("kafka")) == ["one"]


def test_a_log_that_cannot_be_read_is_a_sentence(folder: Path) -> None:
    (folder / "kafka.log").mkdir()
    with pytest.raises(LakehouseError, match=r"kafka\.log cannot be read: Is a directory"):
        reader(folder).tail("kafka")


def test_a_reader_far_behind_skips_and_says_how_much(folder: Path) -> None:
    log, logs_ = folder / "kafka.log", reader(folder)
    append(log, "one\n")
    cursor = logs_.tail("kafka").cursor
    append(log, ("y" * 9 + "\n") * 1000)
    chunk = logs_.tail("kafka", cursor, limit=100)
    assert (len(chunk.lines), chunk.skipped_bytes) == (10, 9900)
    assert texts(logs_.tail("kafka", chunk.cursor, limit=100)) == []


def test_an_endless_line_is_cut_once_and_its_rest_left_out(folder: Path) -> None:
    log, logs_ = folder / "kafka.log", reader(folder)
    append(log, "one\n" + "z" * 20_000)
    chunk = logs_.tail("kafka")
    assert [text[:3] for text in texts(chunk)] == ["one", "zzz"]
    assert texts(chunk)[1].endswith("z … (cut after 8,192 bytes)")
    append(log, "z" * 3_000_000)
    more = logs_.tail("kafka", chunk.cursor)
    assert more.lines == ()
    append(log, "end of it\nnext\n")
    assert texts(logs_.tail("kafka", more.cursor)) == ["next"]


def test_a_log_that_is_one_endless_line_shows_a_piece_of_it(folder: Path) -> None:
    append(folder / "kafka.log", b"\x00" * (FIRST_BYTES * 2))
    chunk = reader(folder).tail("kafka")
    assert texts(chunk) == ["·" * 8192 + " … (cut after 8,192 bytes)"]
    append(folder / "kafka.log", "\nnext\n")
    assert texts(reader(folder).tail("kafka", chunk.cursor)) == ["next"]


def test_a_stack_trace_keeps_its_level_across_pieces(folder: Path) -> None:
    log, logs_ = folder / "kafka.log", reader(folder)
    append(log, "2026-11-24T16:15:33.362Z ERROR X: y\n")
    cursor = logs_.tail("kafka").cursor
    append(log, "java.io.IOException: z\n\tat q\n")
    assert [line.level for line in logs_.tail("kafka", cursor).lines] == [Level.ERROR] * 2


def test_no_file_stays_open(folder: Path) -> None:
    append(folder / "kafka.log", "one\n")
    append(folder / "kafka.log.1", "zero\n")
    before = len(list(Path("/proc/self/fd").iterdir()))
    reader(folder).tail("kafka")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_length_of_a_log_does_not_matter(folder: Path) -> None:
    """Of a file of 200 MB, nearly all of it a hole, no more is read than of a short one."""
    for path in (folder / "kafka.log", folder / "s3.log"):
        with path.open("wb") as handle:
            if path.stem == "kafka":
                handle.truncate(200_000_000)
                handle.seek(0, os.SEEK_END)
            handle.write(b"\n" + b"a line of some length, as logs have them\n" * 10_000)
    begin = bytes_read()
    assert len(logs.last_lines(folder / "kafka.log", 200)) == 200
    assert bytes_read() - begin < 1_000_000
    chunk = reader(folder).tail("kafka")
    assert len(chunk.lines) > 6000
    assert bytes_read() - begin < 2_000_000


def bytes_read() -> int:
    """What this process has read so far."""
    return int(psutil.Process().io_counters().read_chars)


def test_last_lines_of_blocks_and_ends(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    lines = [str(n) * 50 for n in range(5000)]
    log.write_text("\n".join(lines))
    for count in (1, 2, 499, 5000, 6000):
        assert logs.last_lines(log, count) == lines[-count:]
    log.write_text("first\n" + "a" * 70_000 + "\n")
    assert logs.last_lines(log, 1) == ["a" * 70_000]
    log.write_bytes(b"a\r\nb\x85\xff\r\n\n")
    assert logs.last_lines(log, 3) == ["a", "b\ufffd\ufffd", ""]
    assert logs.last_lines(log, 1) == [""]
