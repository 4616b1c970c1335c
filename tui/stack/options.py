"""Options of Kafka, Flink and S3A that are the same wherever the stack runs, local or in containers.

What a place decides (addresses, folders, keys, sizes that are settings) is added by the one that starts it.
"""

from __future__ import annotations

from typing import Any

KAFKA: dict[str, Any] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "default.replication.factor": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 3,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 3,
    "group.initial.rebalance.delay.ms": 0,
    "log.retention.hours": 168,
    "log.retention.bytes": 2 * 1024**3,
    "log.segment.bytes": 256 * 1024**2,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 2,
    "broker.heartbeat.interval.ms": 500,
    "broker.session.timeout.ms": 3000,  # after a crash the broker may come back as soon as this has passed
    "controller.quorum.election.timeout.ms": 200,
    "controller.quorum.election.backoff.max.ms": 200,
}
"""One KRaft node, broker and controller in one process (Kafka's documentation, "Broker Configs")."""

KAFKA_LOG4J = """\
log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.EnhancedPatternLayout
log4j.appender.console.layout.ConversionPattern=%d{yyyy-MM-dd'T'HH:mm:ss.SSS'Z'}{UTC} %-5p %c{1}: %m%n
log4j.logger.org.apache.kafka=INFO
log4j.logger.org.apache.kafka.common.config=WARN
log4j.logger.kafka.server.KafkaConfig=WARN
log4j.logger.kafka.request.logger=WARN
log4j.logger.kafka.network.RequestChannel$=WARN
"""

JM_HEAP_MB = 448
TM_MB = {"framework_heap": 64, "task_heap": 576, "framework_off_heap": 96, "task_off_heap": 32, "network": 96}
TM_MANAGED_MB = 128
TM_METASPACE_MB = 320

FLINK: dict[str, Any] = {
    "jobmanager.memory.heap.size": f"{JM_HEAP_MB}m",
    "jobmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.framework.heap.size": f"{TM_MB['framework_heap']}m",
    "taskmanager.memory.task.heap.size": f"{TM_MB['task_heap']}m",
    "taskmanager.memory.framework.off-heap.size": f"{TM_MB['framework_off_heap']}m",
    "taskmanager.memory.task.off-heap.size": f"{TM_MB['task_off_heap']}m",
    "taskmanager.memory.network.min": f"{TM_MB['network']}m",
    "taskmanager.memory.network.max": f"{TM_MB['network']}m",
    "taskmanager.memory.managed.size": f"{TM_MANAGED_MB}m",
    "taskmanager.memory.jvm-metaspace.size": f"{TM_METASPACE_MB}m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.jvm-overhead.max": "192m",
    "classloader.check-leaked-classloader": False,  # else a second job hangs on Iceberg's old worker threads
    "heartbeat.interval": 1000,
    "heartbeat.timeout": 15000,
    "heartbeat.rpc-failure-threshold": 2,
    "cluster.registration.initial-timeout": 100,
    "cluster.registration.max-timeout": 1000,
    "cluster.registration.error-delay": 500,
    "cluster.registration.refused-registration-delay": 500,
    # After this time requests for slots fail at once, and each failure lengthens the restart's back-off: a job whose
    # TaskManager was killed would wait for that, not for the TaskManager, which is back within seconds. Pekko's clock
    # takes 248 days at most.
    "resourcemanager.standalone.start-up-time": 200 * 24 * 3600 * 1000,
    "restart-strategy.type": "exponential-delay",
    "restart-strategy.exponential-delay.initial-backoff": "1 s",
    "restart-strategy.exponential-delay.max-backoff": "10 s",
    "restart-strategy.exponential-delay.backoff-multiplier": 2.0,
    # Counted from the restart on: a job whose tasks run after 3 or 4 s has recovered by then, and its next loss is
    # another one. One that fails sooner each time waits longer each time.
    "restart-strategy.exponential-delay.reset-backoff-threshold": "8 s",
    "execution.checkpointing.mode": "EXACTLY_ONCE",
    "execution.checkpointing.unaligned.enabled": False,
    "execution.checkpointing.timeout": "5 min",
    "execution.checkpointing.tolerable-failed-checkpoints": 3,
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    "state.backend.type": "hashmap",
    "state.checkpoints.num-retained": 5,
    "fs.allowed-fallback-filesystems": "s3a",  # checkpoints in the bucket go through Hadoop, as tables do
    # By default the REST server renews metrics every 10 s at most: what the job has read, its rates and watermarks
    # would move in jumps. Below 1 s, so that a look every second finds news. Only looking costs: at 50 trades/s
    # the JobManager takes 2 % of a core while nobody looks and 5 to 6 % while the dashboard does, the TaskManager
    # no more than before.
    "metrics.fetcher.update-interval": 800,
    "web.timeout": 20000,  # by default all metrics stand still for 10 minutes after a TaskManager died while asked
    "web.submit.enable": False,
    "web.access-control-allow-origin": "http://127.0.0.1",  # by default a page of any site may read the answers
    "web.cancel.enable": True,
    "jobstore.max-capacity": 50,
}
"""Options of Flink 1.19 (its documentation, "Configuration")."""

FLINK_LOG4J = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSS'Z'}{UTC} %-5p %c{1}: %m%n%xEx
logger.shaded_zookeeper.name = org.apache.flink.shaded.zookeeper3
logger.shaded_zookeeper.level = WARN
logger.pekko.name = org.apache.pekko
logger.pekko.level = WARN
logger.kafka.name = org.apache.kafka
logger.kafka.level = WARN
logger.hadoop.name = org.apache.hadoop
logger.hadoop.level = WARN
logger.netty.name = org.jboss.netty.channel.DefaultChannelPipeline
logger.netty.level = ERROR
"""

S3A: dict[str, Any] = {
    "fs.s3a.endpoint.region": "us-east-1",
    "fs.s3a.path.style.access": "true",
    "fs.s3a.connection.ssl.enabled": "false",
    "fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
    "fs.s3a.connection.maximum": 64,
    "fs.s3a.connection.timeout": 20000,
    "fs.s3a.connection.establish.timeout": 2000,
    "fs.s3a.attempts.maximum": 3,
    "fs.s3a.retry.limit": 3,
    "fs.s3a.retry.interval": "200ms",
    "fs.s3a.threads.max": 16,
    "fs.s3a.fast.upload.buffer": "disk",  # blocks of open files in memory would cost 8 MB for each
    "fs.s3a.multipart.size": "8M",
    "fs.s3a.multipart.threshold": "16M",
    "fs.s3a.bucket.probe": 0,
    "fs.s3a.change.detection.mode": "none",
    "fs.s3a.directory.marker.retention": "keep",
}
"""S3A's options (Hadoop 3.3.4); retries are few, because Flink's restart heals an outage sooner."""
