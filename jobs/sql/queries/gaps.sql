-- Minutes without a candle: each row is a gap between the end of one candle of a symbol and the start of its next.
-- ROW_NUMBER gives the candles their places, and each is joined with the one behind it. Flink's LAG takes no times with a
-- zone. No rows mean that every minute has had a trade.
WITH `placed` AS (
  SELECT
    `symbol`,
    `window_start`,
    `window_end`,
    ROW_NUMBER() OVER (PARTITION BY `symbol` ORDER BY `window_start`) AS `place`
  FROM `agg_1m`
)
SELECT
  `b`.`symbol` AS `symbol`,
  `a`.`window_end` AS `gap_from`,
  `b`.`window_start` AS `gap_to`
FROM `placed` AS `a`
INNER JOIN `placed` AS `b`
  ON `a`.`symbol` = `b`.`symbol`
  AND `a`.`place` + 1 = `b`.`place`
WHERE `b`.`window_start` > `a`.`window_end`
ORDER BY
  `symbol`,
  `gap_from`;
