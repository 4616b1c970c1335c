-- The highest valid `ts` at lower offsets of the same partition. Every partition is read in order, and its rows stay in
-- order through the exchange, so this is a function of the topic alone: a replay judges every trade the same way.
CREATE TEMPORARY VIEW `timed` AS
SELECT
  `payload`,
  `kafka_partition`,
  `kafka_offset`,
  `kafka_time`,
  `symbol`,
  `ts`,
  `price`,
  `qty`,
  `side`,
  MAX(`ts`) OVER (
    PARTITION BY `kafka_partition`
    ORDER BY `arrival`
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS `highest_ts`
FROM (
  SELECT
    `payload`,
    `kafka_partition`,
    `kafka_offset`,
    `kafka_time`,
    `arrival`,
    `symbol`,
    `ts`,
    `price`,
    `qty`,
    `side`
  FROM `judged`
  WHERE `reason` IS NULL
);

CREATE TEMPORARY VIEW `trades` AS
SELECT
  *,
  TO_TIMESTAMP_LTZ(`ts`, 3) AS `event_time`
FROM `timed`
WHERE `ts` >= `highest_ts` - ${late_after_ms};
