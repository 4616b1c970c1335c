"""A terminal cockpit for a streaming lakehouse: Kafka, Flink, Iceberg."""
