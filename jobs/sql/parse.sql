-- Message to trade, in steps. `UUID()` is never evaluated (no offset is negative): a column that is not deterministic
-- keeps the planner from merging its step into the next one, where it would be computed again at every use.

-- Step 1: a document that has exactly the five keys, in order. The usual message is one already; anything else is
-- parsed as JSON and rewritten. The MD5 behind it proves that the JSON ended where the message ended.
CREATE TEMPORARY VIEW `documents` AS
SELECT
  `payload`,
  `kafka_partition`,
  `kafka_offset`,
  `kafka_time`,
  `arrival`,
  CASE
    WHEN `kafka_offset` < 0 THEN UUID()
    WHEN `usual` THEN `payload`
    WHEN CHAR_LENGTH(DECODE(CAST(`payload` AS BYTES), 'ISO-8859-1')) > ${max_bytes} THEN CAST(NULL AS STRING)
    WHEN REGEXP(`payload`, ${unreadable_regex}) THEN CAST(NULL AS STRING)
    WHEN JSON_VALUE('[' || `payload` || ',"' || MD5(`payload`) || '"]', '$$[1]') = MD5(`payload`)
    THEN TRIM(BOTH '[]' FROM JSON_QUERY(`payload`, '$$["symbol","ts","price","qty","side"]' WITH UNCONDITIONAL ARRAY WRAPPER))
  END AS `document`,
  `usual`
FROM (
  SELECT
    `payload`,
    `kafka_partition`,
    `kafka_offset`,
    `kafka_time`,
    `arrival`,
    CASE
      WHEN `kafka_offset` < 0 THEN RAND() < 2
      ELSE REGEXP(`payload`, ${trade_regex})
    END AS `usual`
  FROM `messages`
);

-- Step 2: between which quotes of the document a field stands is now known, once escapes (`\"`) are out of the way.
-- REGEXP_EXTRACT would compile its pattern for every row; SPLIT_INDEX (34 is the quote) costs a tenth.
CREATE TEMPORARY VIEW `fields` AS
SELECT
  `payload`,
  `kafka_partition`,
  `kafka_offset`,
  `kafka_time`,
  `arrival`,
  `document`,
  CASE
    WHEN `kafka_offset` < 0 THEN UUID()
    WHEN `shape` = `document` THEN SPLIT_INDEX(`shape`, 34, 3)
    ELSE JSON_VALUE(`document`, '$$.symbol')
  END AS `symbol`,
  TRY_CAST(TRIM(BOTH ${around_number} FROM SPLIT_INDEX(`shape`, 34, 6)) AS BIGINT) AS `ts`,
  TRY_CAST(TRIM(BOTH ${around_number} FROM SPLIT_INDEX(`shape`, 34, 8)) AS DOUBLE) AS `price`,
  TRY_CAST(TRIM(BOTH ${around_number} FROM SPLIT_INDEX(`shape`, 34, 10)) AS DOUBLE) AS `qty`,
  SPLIT_INDEX(`shape`, 34, 13) AS `side`
FROM (
  SELECT
    *,
    CASE
      WHEN `kafka_offset` < 0 THEN UUID()
      WHEN `usual` THEN `document`
      WHEN REGEXP(REGEXP_REPLACE(`document`, '\\.', '_'), ${trade_regex}) THEN REGEXP_REPLACE(`document`, '\\.', '_')
    END AS `shape`
  FROM `documents`
);

-- Step 3: the verdict. The first branch holds only when every test is true; unknown counts as bad. The last branch
-- makes the rest total, so that `reason` is NULL for a trade and for nothing else.
CREATE TEMPORARY VIEW `judged` AS
SELECT
  *,
  CASE
    WHEN `kafka_offset` < 0 THEN UUID()
    WHEN `symbol` <> ''
      AND `ts` >= ${min_ts}
      AND `ts` <= ${max_ts}
      AND TO_TIMESTAMP_LTZ(`ts` - ${max_future_ms}, 3) <= `kafka_time`
      AND `price` > 0
      AND `price` <= ${max_price}
      AND `qty` >= ${min_qty}
      AND `qty` <= ${max_qty}
      AND `side` IN ('BUY', 'SELL')
    THEN CAST(NULL AS STRING)
    WHEN `payload` IS NULL THEN 'tombstone'
    WHEN REGEXP(`payload`, '^\s*$$') THEN 'empty'
    WHEN CHAR_LENGTH(DECODE(CAST(`payload` AS BYTES), 'ISO-8859-1')) > ${max_bytes}
    THEN 'too large (' || CAST(CHAR_LENGTH(DECODE(CAST(`payload` AS BYTES), 'ISO-8859-1')) AS STRING) || ' bytes)'
    WHEN REGEXP(`payload`, ${invalid_utf8_regex}) THEN 'invalid UTF-8'
    WHEN REGEXP(`payload`, ${unreadable_regex}) THEN 'nested too deeply'
    WHEN `document` IS NULL AND `payload` IS JSON OBJECT THEN 'not JSON: something follows the object'
    WHEN `document` IS NULL AND `payload` IS JSON THEN 'not a JSON object'
    WHEN `document` IS NULL THEN 'not JSON'
    WHEN `price` > ${max_price} THEN 'price out of range'
    WHEN POSITION('"symbol":null' IN `document`) > 0 THEN 'symbol is null'
    WHEN JSON_QUERY(`document`, '$$.symbol' WITH UNCONDITIONAL ARRAY WRAPPER) IS NULL THEN 'missing field symbol'
    WHEN POSITION('"ts":null' IN `document`) > 0 THEN 'ts is null'
    WHEN JSON_QUERY(`document`, '$$.ts' WITH UNCONDITIONAL ARRAY WRAPPER) IS NULL THEN 'missing field ts'
    WHEN POSITION('"price":null' IN `document`) > 0 THEN 'price is null'
    WHEN JSON_QUERY(`document`, '$$.price' WITH UNCONDITIONAL ARRAY WRAPPER) IS NULL THEN 'missing field price'
    WHEN POSITION('"qty":null' IN `document`) > 0 THEN 'qty is null'
    WHEN JSON_QUERY(`document`, '$$.qty' WITH UNCONDITIONAL ARRAY WRAPPER) IS NULL THEN 'missing field qty'
    WHEN POSITION('"side":null' IN `document`) > 0 THEN 'side is null'
    WHEN JSON_QUERY(`document`, '$$.side' WITH UNCONDITIONAL ARRAY WRAPPER) IS NULL THEN 'missing field side'
    WHEN JSON_QUERY(`document`, '$$.symbol' WITH UNCONDITIONAL ARRAY WRAPPER) NOT LIKE '["%' THEN 'symbol is not a text'
    WHEN NOT REGEXP(JSON_QUERY(`document`, '$$.ts' WITH UNCONDITIONAL ARRAY WRAPPER), '^\[-?\d+\]$$') THEN 'ts is not an integer'
    WHEN NOT REGEXP(JSON_QUERY(`document`, '$$.price' WITH UNCONDITIONAL ARRAY WRAPPER), '^\[(-?\d|"-?Infinity")') THEN 'price is not a number'
    WHEN NOT REGEXP(JSON_QUERY(`document`, '$$.qty' WITH UNCONDITIONAL ARRAY WRAPPER), '^\[(-?\d|"-?Infinity")') THEN 'qty is not a number'
    WHEN JSON_QUERY(`document`, '$$.side' WITH UNCONDITIONAL ARRAY WRAPPER) NOT IN ('["BUY"]', '["SELL"]') THEN 'side is neither BUY nor SELL'
    WHEN `side` IS NULL THEN 'symbol too long or number out of range'
    WHEN `symbol` = '' THEN 'symbol is empty'
    WHEN `ts` < ${min_ts} THEN 'ts before 2000'
    WHEN `ts` IS NULL OR `ts` > ${max_ts} THEN 'ts out of range'
    WHEN TO_TIMESTAMP_LTZ(`ts` - ${max_future_ms}, 3) > `kafka_time` THEN 'ts in the future'
    WHEN `price` <= 0 THEN 'price is not positive'
    WHEN `qty` <= 0 THEN 'qty is not positive'
    WHEN `qty` < ${min_qty} OR `qty` > ${max_qty} THEN 'qty out of range'
    ELSE 'not a trade'
  END AS `reason`
FROM `fields`;
