-- Minutes without a candle: each row is a gap between the end of one candle of a symbol and the start of its next.
-- LAG looks at the row before, in the order of the minutes. No rows mean that every minute has had a trade.
SELECT
  `symbol`,
  `gap_from`,
  `gap_to`
FROM (
  SELECT
    `symbol`,
    LAG(`window_end`) OVER (PARTITION BY `symbol` ORDER BY `window_start`) AS `gap_from`,
    `window_start` AS `gap_to`
  FROM `agg_1m`
) AS `t`
WHERE `gap_to` > `gap_from`
ORDER BY
  `symbol`,
  `gap_from`;
