-- The only reader of the topic. `raw` keeps the bytes, so nothing a producer sends can fail the job.
CREATE TEMPORARY TABLE `messages` (
  `payload` STRING,
  `kafka_partition` INT NOT NULL METADATA FROM 'partition' VIRTUAL,
  `kafka_offset` BIGINT NOT NULL METADATA FROM 'offset' VIRTUAL,
  `kafka_time` TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL,
  `arrival` AS PROCTIME(),
  `event_time` AS TO_TIMESTAMP_LTZ(TRY_CAST(REGEXP_EXTRACT(`payload`, '"ts"\s*:\s*(\d{12,13})[,\s}]', 1) AS BIGINT), 3),
  WATERMARK FOR `event_time` AS `event_time` - INTERVAL '${watermark_delay}' DAY TO SECOND
)
WITH (
  'connector' = 'kafka',
  'topic' = ${topic},
  'properties.bootstrap.servers' = ${bootstrap_servers},
  'properties.group.id' = ${group},
  'properties.partition.discovery.interval.ms' = '60000',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'raw'${kafka_options}
);
