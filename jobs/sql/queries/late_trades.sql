-- Trades that came more than 5 s after a newer one of their partition: behind the watermark, they correct a candle.
-- Offsets are the order of arrival, `ts` is when the trade happened. The running maximum of `ts` is how far time had come.
SELECT
  `symbol`,
  COUNT(*) AS `late_trades`,
  MAX(`behind_ms`) AS `most_behind_ms`
FROM (
  SELECT
    `symbol`,
    MAX(`ts`) OVER (
      PARTITION BY `kafka_partition`
      ORDER BY `kafka_offset`
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) - `ts` AS `behind_ms`
  FROM `raw_trades`
) AS `t`
WHERE `behind_ms` > 5000
GROUP BY `symbol`
ORDER BY `symbol`;
