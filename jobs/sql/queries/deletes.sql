-- What upserts left behind in `agg_1m`: live data files, and the delete files that readers have to apply to them.
-- A corrected candle is a new row, with an equality delete for the older rows of its key. A position delete takes away a
-- row that was written within the same checkpoint. `stored` less what the deletes take away is what a query counts.
SELECT
  CASE `content`
    WHEN 0 THEN 'data'
    WHEN 1 THEN 'position deletes'
    ELSE 'equality deletes'
  END AS `kind`,
  COUNT(*) AS `files`,
  SUM(`record_count`) AS `stored`
FROM `agg_1m$files`
GROUP BY `content`
ORDER BY `content`;
