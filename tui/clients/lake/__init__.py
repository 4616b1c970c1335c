"""Reader of Iceberg tables written by Flink."""
