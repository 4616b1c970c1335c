-- The volume-weighted average price of each symbol: what a unit cost on average, large trades counting more.
-- Products and sums are decimals, so that the order of the trades cannot change the last digit.
SELECT
  `symbol`,
  COUNT(*) AS `trades`,
  CAST(SUM(`notional`) AS DOUBLE) / CAST(SUM(`exact_qty`) AS DOUBLE) AS `vwap`,
  CAST(SUM(`exact_qty`) AS DOUBLE) AS `quantity`
FROM (
  SELECT
    `symbol`,
    CAST(`qty` AS DECIMAL(19, 8)) AS `exact_qty`,
    CAST(`price` AS DECIMAL(19, 8)) * CAST(`qty` AS DECIMAL(19, 8)) AS `notional`
  FROM `raw_trades`
) AS `t`
GROUP BY `symbol`
ORDER BY `symbol`;
