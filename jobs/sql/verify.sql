-- Proof of the result in Flink's SQL client, batch mode, with the catalog in use (`lakehouse-tui sql --file …`).
-- Tables bear their default names. Compare the first answer with the topic; every other one must be as its title says.

-- Ledger: one row a partition; messages = distinct_messages = highest_offset + 1 - lowest_offset, nothing missing or double.
SELECT
  `kafka_partition`,
  COUNT(*) AS `messages`,
  COUNT(DISTINCT `kafka_offset`) AS `distinct_messages`,
  MIN(`kafka_offset`) AS `lowest_offset`,
  MAX(`kafka_offset`) AS `highest_offset`,
  SUM(`is_bad`) AS `bad_messages`
FROM (
  SELECT
    `kafka_partition`,
    `kafka_offset`,
    0 AS `is_bad`
  FROM `raw_trades`
  UNION ALL
  SELECT
    `kafka_partition`,
    `kafka_offset`,
    1 AS `is_bad`
  FROM `bad_trades`
)
GROUP BY `kafka_partition`
ORDER BY `kafka_partition`;

-- Bad messages by reason.
SELECT
  `reason`,
  COUNT(*) AS `messages`
FROM `bad_trades`
GROUP BY `reason`
ORDER BY
  `messages` DESC,
  `reason`;

-- Keys that `agg_1m` holds more than once: no rows.
SELECT
  `symbol`,
  `window_start`,
  COUNT(*) AS `rows`
FROM `agg_1m`
GROUP BY
  `symbol`,
  `window_start`
HAVING COUNT(*) > 1;

-- Candles recomputed from `raw_trades` that differ from `agg_1m` in any column, or are missing on one side: no rows.
CREATE TEMPORARY VIEW `recomputed` AS
SELECT
  `symbol`,
  CAST(TO_TIMESTAMP_LTZ(`minute`, 3) AS TIMESTAMP_LTZ(6)) AS `window_start`,
  CAST(TO_TIMESTAMP_LTZ(`minute` + 60000, 3) AS TIMESTAMP_LTZ(6)) AS `window_end`,
  MAX(CASE WHEN `from_first` = 1 THEN `price` END) AS `open_price`,
  MAX(`price`) AS `high_price`,
  MIN(`price`) AS `low_price`,
  MAX(CASE WHEN `from_last` = 1 THEN `price` END) AS `close_price`,
  CAST(SUM(`decimal_qty`) AS DOUBLE) AS `total_qty`,
  COUNT(*) AS `trade_count`,
  CAST(SUM(CASE WHEN `side` = 'BUY' THEN `decimal_qty` ELSE 0 END) AS DOUBLE) AS `buy_qty`,
  CAST(SUM(CASE WHEN `side` = 'SELL' THEN `decimal_qty` ELSE 0 END) AS DOUBLE) AS `sell_qty`
FROM (
  SELECT
    `symbol`,
    `minute`,
    `price`,
    `side`,
    CAST(`qty` AS DECIMAL(38, 18)) AS `decimal_qty`,
    ROW_NUMBER() OVER (PARTITION BY `symbol`, `minute` ORDER BY `ts`, `kafka_partition`, `kafka_offset`) AS `from_first`,
    ROW_NUMBER() OVER (PARTITION BY `symbol`, `minute` ORDER BY `ts` DESC, `kafka_partition` DESC, `kafka_offset` DESC) AS `from_last`
  FROM (
    SELECT
      *,
      `ts` - MOD(`ts`, 60000) AS `minute`
    FROM `raw_trades`
  )
)
GROUP BY
  `symbol`,
  `minute`;

SELECT
  `side_of`,
  COUNT(*) AS `candles`,
  MIN(`window_start`) AS `first_difference`,
  MAX(`window_start`) AS `last_difference`
FROM (
  (SELECT 'only recomputed' AS `side_of`, `r`.* FROM `recomputed` AS `r` EXCEPT SELECT 'only recomputed' AS `side_of`, `a`.* FROM `agg_1m` AS `a`)
  UNION ALL
  (SELECT 'only stored' AS `side_of`, `a`.* FROM `agg_1m` AS `a` EXCEPT SELECT 'only stored' AS `side_of`, `r`.* FROM `recomputed` AS `r`)
)
GROUP BY `side_of`;
