-- One job: every message goes to exactly one of `${raw_table}` and `${bad_table}`; candles are made of what is in `${raw_table}`.
INSERT INTO `${catalog}`.`${database}`.`${raw_table}`
SELECT
  `symbol`,
  `ts`,
  `price`,
  `qty`,
  `side`,
  `event_time`,
  `kafka_partition`,
  `kafka_offset`
FROM `trades`;

INSERT INTO `${catalog}`.`${database}`.`${bad_table}`
SELECT
  SUBSTRING(DECODE(CAST(`payload` AS BYTES), 'UTF-8') FROM 1 FOR ${max_bytes}),
  `reason`,
  `kafka_partition`,
  `kafka_offset`,
  `kafka_time`
FROM `judged`
WHERE `reason` IS NOT NULL
UNION ALL
SELECT
  `payload`,
  'too late: ' || CAST((`highest_ts` - `ts`) / 1000 AS STRING) || ' s behind its partition',
  `kafka_partition`,
  `kafka_offset`,
  `kafka_time`
FROM `timed`
WHERE `ts` < `highest_ts` - ${late_after_ms};

-- `order_key` is 14 digits of `ts`, 19 of partition and offset, then the price: its smallest value names the first
-- trade, its largest the last one. Sums are decimal, so the order of arrival cannot change a bit of them.
INSERT INTO `${catalog}`.`${database}`.`${candle_table}`
SELECT
  `symbol`,
  `window_start`,
  `window_start` + INTERVAL '1' MINUTE,
  CAST(SUBSTRING(MIN(`order_key`) FROM 34) AS DOUBLE),
  MAX(`price`),
  MIN(`price`),
  CAST(SUBSTRING(MAX(`order_key`) FROM 34) AS DOUBLE),
  CAST(CAST(SUM(`buy_qty`) AS DECIMAL(37, 18)) + CAST(SUM(`sell_qty`) AS DECIMAL(37, 18)) AS DOUBLE),
  COUNT(*),
  CAST(SUM(`buy_qty`) AS DOUBLE),
  CAST(SUM(`sell_qty`) AS DOUBLE)
FROM (
  SELECT
    `symbol`,
    CAST(TO_TIMESTAMP_LTZ(`ts` - MOD(`ts`, 60000), 3) AS TIMESTAMP_LTZ(6)) AS `window_start`,
    `price`,
    CAST(`ts` + 10000000000000 AS STRING)
      || CAST(`kafka_partition` * 100000000000000 + `kafka_offset` + 1000000000000000000 AS STRING)
      || CAST(`price` AS STRING) AS `order_key`,
    CASE WHEN `side` = 'BUY' THEN CAST(`qty` AS DECIMAL(38, 18)) ELSE 0 END AS `buy_qty`,
    CASE WHEN `side` = 'SELL' THEN CAST(`qty` AS DECIMAL(38, 18)) ELSE 0 END AS `sell_qty`
  FROM `trades`
)
GROUP BY
  `symbol`,
  `window_start`;
