"""The local stack: real Kafka, S3 and Flink as supervised processes of this machine."""
