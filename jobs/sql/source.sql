-- The only reader of the topic. `raw` keeps the bytes, so nothing a producer sends can fail the source. Functions that
-- count characters (SUBSTRING, LEFT, …) throw on bytes that are not UTF-8: `payload` must never go into one as it is.
-- `event_time` is for the watermark alone (44 is the comma); one that is not plausible is NULL and moves nothing.
CREATE TEMPORARY TABLE `messages` (
  `payload` STRING,
  `kafka_partition` INT NOT NULL METADATA FROM 'partition' VIRTUAL,
  `kafka_offset` BIGINT NOT NULL METADATA FROM 'offset' VIRTUAL,
  `kafka_time` TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL,
  `arrival` AS PROCTIME(),
  `event_time` AS CASE
    WHEN TO_TIMESTAMP_LTZ(TRY_CAST(TRIM(BOTH ${around_number} FROM SPLIT_INDEX(SPLIT_INDEX(`payload`, '"ts":', 1), 44, 0)) AS BIGINT) - ${max_future_ms}, 3) <= `kafka_time`
    THEN TO_TIMESTAMP_LTZ(TRY_CAST(TRIM(BOTH ${around_number} FROM SPLIT_INDEX(SPLIT_INDEX(`payload`, '"ts":', 1), 44, 0)) AS BIGINT), 3)
  END,
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
