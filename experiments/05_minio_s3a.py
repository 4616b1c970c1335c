"""Experiment 5: the object store – the S3 API, multipart, S3A, why a rename is not atomic, where tables lie.

    uv run experiments/05_minio_s3a.py            stops at every step and question
    uv run experiments/05_minio_s3a.py --yes      runs through; --list shows the steps

The lakehouse keeps its tables in an object store that speaks Amazon's S3 protocol: S3Proxy or MinIO on your machine,
S3 itself in the cloud. It looks like a disk and is none; what the difference costs is seen here. We talk to it with the
package `minio`, Flink does with S3A, Hadoop's S3 client.
"""

from __future__ import annotations

import io
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from _lake import HandReader
from _stack import FlinkSql, delete_prefix, hadoop, lake_prefix, object_store
from _stage import Experiment, human, step
from minio.commonconfig import CopySource
from minio.error import S3Error

PART_BYTES = 5 * 1024**2
"""The smallest part that S3 accepts, but for the last one."""
PARTS = 3
FILES = 60


class ObjectStore(Experiment):
    """Experiment 5: the object store – S3, multipart, S3A, renames, where tables lie"""

    needs = ("s3", "flink")

    # ── Steps ────────────────────────────────────────────────────────────────

    @step("Objects, not files")
    def objects(self) -> None:
        """put, stat, get, list; folders do not exist."""
        self.store, self.bucket = object_store(self.settings), self.settings.bucket
        self.root = f"experiment_{self.name}/"
        self.clean(
            f"objects below {self.bucket}/{self.root}", lambda: delete_prefix(self.store, self.bucket, self.root)
        )
        self.say(f"""
            An object store knows BUCKETS, and in each one OBJECTS: a name (KEY) and bytes. All it can do is put, get,
            list and delete whole objects. We use the bucket {self.bucket}, in which the lakehouse's tables are, and
            keys that begin with {self.root}
            """)
        key = f"{self.root}letters/2024/a.txt"
        self._put(key, b"hello")
        found = self.store.stat_object(self.bucket, key)
        short = key.removeprefix(self.root)
        self.table(("key below it", "size", "ETag"), [(short, found.size, found.etag)])
        self.note(f"Listed with / as delimiter: {self._level(self.root)}")
        self.ask("The list shows letters/. We delete a.txt, the only object below it. Does letters/ stay?")
        self.store.remove_object(self.bucket, key)
        left = self._level(self.root)
        self.note(f"Listed again: {left}")
        self.check(
            "No: there are no folders. A key is one text, and / is a letter in it; only the list groups keys by it.",
            left == [],
            listed_after_delete=left,
        )

    @step("A large object comes in parts, and appears whole")
    def multipart(self) -> None:
        """Nothing is there before the last part is confirmed."""
        key, broken = f"{self.root}large.bin", f"{self.root}broken.bin"
        self.say(f"""
            A large object is sent as a MULTIPART upload: start, send each part (side by side, if one likes), complete.
            We send {PARTS} parts of 5 MB, and before each one we look whether the object is there.
            """)
        self.ask(f"After two of the {PARTS} parts are sent: what does a reader get who asks for the object?")
        watched = _Parts(PARTS, lambda: self._exists(key))
        self.store.put_object(self.bucket, key, cast(BinaryIO, watched), -1, part_size=PART_BYTES)
        rows = [(f"before part {n} is sent", seen) for n, seen in enumerate(watched.seen, 1)]
        self.table(("when", "is it there?"), [*rows, ("after completion", self._exists(key))])
        size = self.store.stat_object(self.bucket, key).size
        self.note("Now once more, but the sender breaks down before the last part.")
        try:
            self.store.put_object(
                self.bucket, broken, cast(BinaryIO, _Parts(PARTS, self._breakdown)), -1, part_size=PART_BYTES
            )
        except ConnectionAbortedError as error:
            self.note(f"The sender: {error}. Is the object there? {self._exists(broken)}")
        self.check(
            "Nothing: an object appears at once and whole, or never. This is the one promise that Iceberg builds on: a "
            "file that can be seen is complete.",
            not any(watched.seen) and size == PARTS * PART_BYTES and not self._exists(broken),
            seen_during_upload=watched.seen,
            size_bytes=size,
            broken_upload_is_there=self._exists(broken),
        )

    @step("There is no rename")
    def rename(self) -> None:
        """A rename is a copy and a delete of every object, and others see it half done."""
        self.say("""
            On a disk, renaming a folder is one step: others see the old name or the new one. Many programs rely on it:
            write into a temporary folder, then rename it. In S3 the operation does not exist. It has to be done by
            copying every object and deleting the old one. We do it with 4 objects, and break down after 2.
            """)
        names = [f"part-{n}" for n in range(4)]
        for name in names:
            self._put(f"{self.root}temporary/{name}", b"rows")
        self.ask("What does somebody see who lists both names at this moment?")
        for name in names[:2]:
            source = CopySource(self.bucket, f"{self.root}temporary/{name}")
            self.store.copy_object(self.bucket, f"{self.root}final/{name}", source)
            self.store.remove_object(self.bucket, f"{self.root}temporary/{name}")
        old, new = self._level(f"{self.root}temporary/"), self._level(f"{self.root}final/")
        self.table(("folder", "objects"), [("temporary/", " ".join(old)), ("final/", " ".join(new))])
        self.check(
            "Half of the data in each. There is no moment at which all of it moves, and nobody to mend it later.",
            len(old) == len(new) == 2,
            half_renamed=[len(old), len(new)],
        )

    @step("S3A: Hadoop's client makes it look like a disk")
    def s3a(self) -> None:
        """A real rename by S3A, watched."""
        self.say("""
            Flink and Iceberg (in Java) reach the store through S3A. It takes s3a://bucket/key for a path, and offers
            what a file system offers, a rename too. Its settings are in core-site.xml, among them:
            """)
        self.show(f"""
            fs.s3a.endpoint            {self.settings.s3_endpoint}
            fs.s3a.path.style.access   true      the bucket is in the path
            fs.s3a.multipart.size      8M        large files are sent in such parts
            """)
        for n in range(FILES):
            self._put(f"{self.root}s3a-old/{n:03}", b"rows")
        old, new = (f"s3a://{self.bucket}/{self.root}{name}" for name in ("s3a-old", "s3a-new"))
        self.show(f"hadoop fs -mv {old} \\\n             {new}")
        self.ask(
            f"The folder has {FILES} objects. While S3A renames it, we list both names all the time. What do we see?"
        )
        with self._watched(f"{self.root}s3a-old/", f"{self.root}s3a-new/") as seen:
            done = hadoop(self.settings, "-mv", old, new)
        if done.returncode:
            raise subprocess.SubprocessError(done.stderr)
        self.table(("objects in s3a-old", "objects in s3a-new"), _thinned(seen))
        between = [pair for pair in seen if pair not in ((FILES, 0), (0, FILES))]
        self.check(
            f"{len(between)} states in between: S3A copies object by object, several at a time, and deletes the old "
            "ones at the end. It looks like one step, and is many.",
            between and seen[0] == (FILES, 0) and seen[-1] == (0, FILES),
            states_in_between=len(between),
            renamed=seen[-1][1],
        )

    @step("Two writers, one name: a lost commit")
    def lost_commit(self) -> None:
        """Both see that v2 is free; the second one overwrites the first."""
        self.say("""
            A table in a Hadoop catalog is committed by creating the next metadata file: v2.metadata.json, if there is
            none yet. On a disk a rename that fails when the target is there makes "look and create" one step. Here it
            is two. Writer A and writer B commit at the same time:
            """)
        key = f"{self.root}table/v2.metadata.json"
        a_may, b_may = not self._exists(key), not self._exists(key)
        self.note(f"A looks: v2 is free: {a_may}. B looks: v2 is free: {b_may}. A puts its v2, then B does.")
        self.ask("Both were told that their put has worked. Whose commit is in the table?")
        for writer in ("A", "B"):
            self._put(key, json.dumps({"committed by": writer}).encode())
        response = self.store.get_object(self.bucket, key)
        content = json.loads(response.read())
        response.close()
        response.release_conn()
        self.show(json.dumps(content))
        self.check(
            "B's. The commit of A is lost, and A does not know. So: with a Hadoop catalog on S3 a table has ONE "
            "writer, in the lakehouse its Flink job, and `submit` refuses a second one. Other catalogs "
            "(REST, JDBC, Glue) have a service that does this one step, and many may write.",
            a_may and b_may and content == {"committed by": "B"},
            winner=content["committed by"],
        )

    @step("Where the files of a table lie")
    def table_files(self) -> None:
        """From the hint to a row, by hand."""
        database = f"experiment_{self.name}"
        prefix = lake_prefix(self.settings, database)
        self.clean(f"all files of database {database}", lambda: delete_prefix(self.store, self.bucket, prefix))
        self.say("Flink makes a small table and writes two rows. Everything that it is lies in these objects:")
        sql = FlinkSql(self)
        sql.use_lake(self.settings, database)
        sql.run("CREATE TABLE `prices` (`symbol` STRING, `price` DOUBLE) WITH ('format-version' = '2')")
        sql.run(
            "INSERT INTO `prices` VALUES ('BTCUSDT', 42150.5), ('ETHUSDT', 2511.0)", execution__runtime_mode="batch"
        )
        found = list(self.store.list_objects(self.bucket, f"{prefix}prices/", recursive=True))
        rows = [
            (str(o.object_name).removeprefix(prefix), human(o.size or 0))
            for o in found
            if not str(o.object_name).endswith("/")
        ]
        self.table(("object", "size"), [(_middle(name), size) for name, size in rows])
        self.ask("Which of them does a reader open first, to find the two rows?")
        reader = HandReader(self.store, self.settings, database, "prices")
        hint = reader.read(f"{reader.location}/metadata/version-hint.text").decode().strip()
        metadata = reader.metadata()
        snapshot = metadata["snapshots"][-1]
        manifests = reader.avro(snapshot["manifest-list"])
        entries = reader.avro(manifests[0]["manifest_path"])
        data = entries[0]["data_file"]["file_path"]
        content = reader.parquet(data).to_pylist()
        self.table(
            ("open", "what it says"),
            [
                ("metadata/version-hint.text", f"the current version is {hint}"),
                (f"metadata/v{hint}.metadata.json", f"the current snapshot is {str(snapshot['snapshot-id'])[:6]}…"),
                ("metadata/snap-….avro", f"it has {len(manifests)} manifest: {_tail(manifests[0]['manifest_path'])}"),
                ("metadata/….avro", f"it has {len(entries)} data file: {_tail(data)}"),
                ("data/….parquet", f"{len(content)} rows: {[row['symbol'] for row in content]}"),
            ],
        )
        self.check(
            "version-hint.text; each file names the next one, so nothing has to be searched for by listing. Files that "
            "are there never change, but for the hint. Only the last step of a commit, giving the new metadata file "
            "its name, is as weak as you have seen.",
            [row["price"] for row in content] == [42150.5, 2511.0],
            rows_found_by_hand=[row["symbol"] for row in content],
            objects=len(rows),
        )

    # ── How it is done ───────────────────────────────────────────────────────

    _looks = 0

    def _put(self, key: str, data: bytes) -> None:
        self.store.put_object(self.bucket, key, io.BytesIO(data), len(data))

    def _exists(self, key: str) -> bool:
        try:
            self.store.stat_object(self.bucket, key)
        except S3Error as error:
            if error.code not in ("NoSuchKey", "NoSuchObject"):
                raise
            return False
        return True

    def _level(self, prefix: str) -> list[str]:
        """What a list shows directly below `prefix`."""
        found = (str(o.object_name).removeprefix(prefix) for o in self.store.list_objects(self.bucket, prefix))
        return [name for name in found if name]

    def _breakdown(self) -> bool:
        """Breaks the sender down before its last part."""
        self._looks += 1
        if self._looks == PARTS:
            raise ConnectionAbortedError("my line is gone")
        return False

    @contextmanager
    def _watched(self, old: str, new: str) -> Iterator[list[tuple[int, int]]]:
        """Lists both prefixes all the time; the different pairs of counts, in order."""
        seen: list[tuple[int, int]] = []
        done = threading.Event()

        def watch() -> None:
            while True:
                last = done.is_set()
                pair = len(self._level(old)), len(self._level(new))
                if seen[-1:] != [pair]:
                    seen.append(pair)
                if last:
                    return

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            done.set()
            thread.join(30)


class _Parts:
    """A stream of `count` parts that calls `look` before it gives each one."""

    def __init__(self, count: int, look: Callable[[], bool]) -> None:
        self.seen: list[bool] = []
        self._look = look
        self._left = count * PART_BYTES
        self._size = self._left

    def read(self, size: int) -> bytes:
        """The next bytes."""
        if self._left and (self._size - self._left) % PART_BYTES == 0:
            self.seen.append(self._look())
        given = min(size, self._left, PART_BYTES - (self._size - self._left) % PART_BYTES)
        self._left -= given
        return b"x" * given


def _thinned(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """At most eight of them, with the first and the last."""
    stride = max(1, len(pairs) // 6)
    return [*pairs[:-1][::stride], pairs[-1]]


def _middle(name: str) -> str:
    """A long name without its middle."""
    return name if len(name) < 60 else f"{name[:34]}…{name[-20:]}"


def _tail(path: str) -> str:
    return f"…{path[-18:]}"


if __name__ == "__main__":
    ObjectStore.main()
