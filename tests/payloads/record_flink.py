"""Record what a running Flink says about the lakehouse's job: `record_flink.py URL HOME FOLDER`.

Writes one file an answer; paths below HOME and the machine's memory are replaced by neutral ones.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

TASKMANAGER_METRICS = (
    "Status.JVM.CPU.Load,Status.JVM.Threads.Count,Status.Flink.Memory.Managed.Used,"
    "Status.JVM.Memory.Metaspace.Used,Status.JVM.Memory.Metaspace.Max"
)
TASK = "busyTimeMsPerSecond,backPressuredTimeMsPerSecond,numRecordsInPerSecond,numRecordsOutPerSecond"
SUBTASK = f"{TASK},idleTimeMsPerSecond".split(",")


def main(url: str, home: str, folder: Path) -> None:
    def get(path: str) -> str:
        with urlopen(url + path) as answer:
            return answer.read().decode()

    def record(name: str, path: str) -> object:
        text = get(path).replace(home, "/lakehouse")
        found = json.loads(text)
        for manager in [found, *found.get("taskmanagers", [])] if isinstance(found, dict) else []:
            if "hardware" in manager:
                manager["hardware"]["physicalMemory"] = 16 * 1024**3
        (folder / f"lakehouse_{name}.json").write_text(json.dumps(found, indent=1) + "\n")
        return found

    jobs = json.loads(get("/jobs/overview"))["jobs"]
    job = next(f"/jobs/{j['jid']}" for j in jobs if j["state"] == "RUNNING")
    plan = record("job", job)
    record("checkpoints", f"{job}/checkpoints")
    record("checkpoints_config", f"{job}/checkpoints/config")
    record("job_config", f"{job}/config")
    record("job_metrics", f"{job}/metrics?get=numRestarts")
    source, behind = (vertex["id"] for vertex in plan["vertices"][:2])
    names = record("metric_ids_source", f"{job}/vertices/{source}/subtasks/metrics")
    operator = next(n["id"] for n in names if n["id"].endswith(".sourceIdleTime")).removesuffix(".sourceIdleTime")
    kinds = [f"{operator}.{kind}" for kind in ("currentOutputWatermark", "watermarkLag", "sourceIdleTime")]
    of_source = ",".join(quote(f"{i}.{kind}") for i in (0, 1) for kind in (*SUBTASK, *kinds))
    record("metrics_source", f"{job}/vertices/{source}/metrics?get={of_source}")
    of_task = ",".join(f"{i}.{kind}" for i in (0, 1) for kind in (*SUBTASK, "currentInputWatermark"))
    record("metrics_behind", f"{job}/vertices/{behind}/metrics?get={of_task}")
    offsets = ",".join(quote(n["id"]) for n in names if n["id"].endswith(".currentOffset"))
    record("offsets", f"{job}/vertices/{source}/subtasks/metrics?get={offsets}&agg=max")
    record("aggregated_source", f"{job}/vertices/{source}/subtasks/metrics?get={TASK}&agg=max,sum,min")
    with_watermark = f"{TASK},currentInputWatermark"
    record("aggregated_behind", f"{job}/vertices/{behind}/subtasks/metrics?get={with_watermark}&agg=max,sum,min")
    record("vertex_source", f"{job}/vertices/{source}")
    newest = json.loads(get(f"{job}/checkpoints"))["latest"]["completed"]["id"]
    record("checkpoint", f"{job}/checkpoints/details/{newest}")
    record("checkpoint_source", f"{job}/checkpoints/details/{newest}/subtasks/{source}")
    record("jobmanager_config", "/jobmanager/config")
    manager = record("taskmanagers", "/taskmanagers")["taskmanagers"][0]["id"]
    record("taskmanager", f"/taskmanagers/{manager}")
    record("taskmanager_metrics", f"/taskmanagers/{manager}/metrics?get={TASKMANAGER_METRICS}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
