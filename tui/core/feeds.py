"""The sources that are polled whatever screen is shown, over ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tui.core.sources import Source
from tui.model.errors import LakehouseError
from tui.model.flink import CheckpointStats, ClusterInfo, JobDetail, JobSummary
from tui.model.iceberg import TableHistory
from tui.model.kafka import TopicLag
from tui.model.keeping import Keeping
from tui.model.stack import ProducerStatus, Service
from tui.ports import FlinkPort, KafkaPort, LakePort

TABLES = ("agg_1m", "raw_trades", "bad_trades")
LONG_DEADLINE_S = 30.0


class Feeds:
    """Fetches for the screens; ports come as callables that may import, connect, and raise `LakehouseError`.

    What follows the running job asks for the one that the source "jobs" has seen last.
    """

    def __init__(
        self,
        services: Callable[[], tuple[Service, ...]],
        producer: Callable[[], ProducerStatus | None],
        kafka: Callable[[], KafkaPort],
        flink: Callable[[], FlinkPort],
        lake: Callable[[], LakePort],
        keeper: Callable[[], Keeping | None] = lambda: None,
    ) -> None:
        self._services = services
        self._producer = producer
        self._kafka = kafka
        self._flink = flink
        self._lake = lake
        self._keeper = keeper
        self._job_id: str | None = None
        self._jobs_seen = False

    def sources(self) -> Mapping[str, Source]:
        """All of them by name."""
        tables = {f"history.{name}": Source(self._history(name), 3.0, LONG_DEADLINE_S) for name in TABLES}
        return MappingProxyType(
            {
                "services": Source(self._services, 3.0),
                "producer": Source(self._producer, 2.0),
                "jobs": Source(self.jobs),
                "keeper": Source(self._keeper),
                "cluster": Source(self.cluster, 5.0),
                "checkpoints": Source(self.checkpoints, 2.0),
                "job": Source(self.job, 5.0),
                "lag": Source(self.lag),
                **tables,
            }
        )

    def jobs(self) -> tuple[JobSummary, ...]:
        """All jobs, newest first."""
        found = self._flink().jobs()
        self._job_id = next((job.id for job in found if job.ours), None)
        self._jobs_seen = True
        return found

    def cluster(self) -> ClusterInfo:
        """Version, TaskManagers, slots."""
        return self._flink().cluster()

    def checkpoints(self) -> CheckpointStats | None:
        """Of the running job; `None` where none runs."""
        job_id = self._active()
        return None if job_id is None else self._flink().checkpoints(job_id)

    def job(self) -> JobDetail | None:
        """The running job with its vertices; `None` where none runs."""
        job_id = self._active()
        return None if job_id is None else self._flink().job(job_id)

    def lag(self) -> TopicLag:
        """Every partition; what the job has read stays unknown where Flink does not tell it."""
        return self._kafka().lag(self._read_offsets())

    def _active(self) -> str | None:
        if not self._jobs_seen:
            self.jobs()
        return self._job_id

    def _read_offsets(self) -> dict[int, int]:
        try:
            job_id = self._active()
            return {} if job_id is None else self._flink().read_offsets(job_id)
        except LakehouseError:
            return {}

    def _history(self, table: str) -> Callable[[], TableHistory]:
        return lambda: self._lake().history(table)
