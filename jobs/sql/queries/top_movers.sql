-- How far each symbol moved within the newest hour of candles, from its first open to its last close, in percent.
-- ROW_NUMBER picks the first and the last candle of each symbol. The hour ends with the newest candle of all.
SELECT
  `symbol`,
  MAX(CASE WHEN `from_first` = 1 THEN `open_price` END) AS `first_open`,
  MAX(CASE WHEN `from_last` = 1 THEN `close_price` END) AS `last_close`,
  (MAX(CASE WHEN `from_last` = 1 THEN `close_price` END) - MAX(CASE WHEN `from_first` = 1 THEN `open_price` END))
    * CAST(100 AS DOUBLE) / MAX(CASE WHEN `from_first` = 1 THEN `open_price` END) AS `change_percent`,
  COUNT(*) AS `candles`
FROM (
  SELECT
    `c`.`symbol`,
    `c`.`open_price`,
    `c`.`close_price`,
    ROW_NUMBER() OVER (PARTITION BY `c`.`symbol` ORDER BY `c`.`window_start`) AS `from_first`,
    ROW_NUMBER() OVER (PARTITION BY `c`.`symbol` ORDER BY `c`.`window_start` DESC) AS `from_last`
  FROM `agg_1m` AS `c`
  CROSS JOIN (
    SELECT MAX(`window_start`) AS `newest`
    FROM `agg_1m`
  ) AS `n`
  WHERE `c`.`window_start` > `n`.`newest` - INTERVAL '60' MINUTE
) AS `t`
GROUP BY `symbol`
ORDER BY
  `change_percent` DESC,
  `symbol`;
