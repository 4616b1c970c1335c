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
    WHEN REGEXP(`payload`, ${trade_regex}) THEN `payload`
    WHEN CHAR_LENGTH(DECODE(CAST(`payload` AS BYTES), 'ISO-8859-1')) > ${max_bytes} THEN CAST(NULL AS STRING)
    WHEN REGEXP(`payload`, ${unreadable_regex}) THEN CAST(NULL AS STRING)
    WHEN JSON_VALUE('[' || `payload` || ',"' || MD5(`payload`) || '"]', '$$[1]') = MD5(`payload`)
    THEN TRIM(BOTH '[]' FROM JSON_QUERY(`payload`, '$$["symbol","ts","price","qty","side"]' WITH UNCONDITIONAL ARRAY WRAPPER))
  END AS `document`
FROM `messages`;

-- Step 2: the five fields; NULL where the document has not the shape of a trade.
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
    ELSE REGEXP_EXTRACT(`document`, ${trade_regex}, 1)
  END AS `symbol_text`,
  TRY_CAST(REGEXP_EXTRACT(`document`, ${trade_regex}, 2) AS BIGINT) AS `ts`,
  TRY_CAST(REGEXP_EXTRACT(`document`, ${trade_regex}, 3) AS DOUBLE) AS `price`,
  TRY_CAST(REGEXP_EXTRACT(`document`, ${trade_regex}, 4) AS DOUBLE) AS `qty`,
  REGEXP_EXTRACT(`document`, ${trade_regex}, 5) AS `side`
FROM `documents`;

-- Step 3: the verdict. The first branch holds only when every test is true; unknown counts as bad. The last branch
-- makes the rest total, so that `reason` is NULL for a trade and for nothing else.
CREATE TEMPORARY VIEW `judged` AS
SELECT
  *,
  CASE
    WHEN `kafka_offset` < 0 THEN UUID()
    WHEN `symbol_text` <> ''
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
    WHEN NOT REGEXP(JSON_QUERY(`document`, '$$.price' WITH UNCONDITIONAL ARRAY WRAPPER), '^\[-?\d') THEN 'price is not a number'
    WHEN NOT REGEXP(JSON_QUERY(`document`, '$$.qty' WITH UNCONDITIONAL ARRAY WRAPPER), '^\[-?\d') THEN 'qty is not a number'
    WHEN JSON_QUERY(`document`, '$$.side' WITH UNCONDITIONAL ARRAY WRAPPER) NOT IN ('["BUY"]', '["SELL"]') THEN 'side is neither BUY nor SELL'
    WHEN `symbol_text` IS NULL THEN 'symbol or number too long'
    WHEN `symbol_text` = '' THEN 'symbol is empty'
    WHEN `ts` < ${min_ts} THEN 'ts before 2000'
    WHEN `ts` IS NULL OR `ts` > ${max_ts} THEN 'ts out of range'
    WHEN TO_TIMESTAMP_LTZ(`ts` - ${max_future_ms}, 3) > `kafka_time` THEN 'ts in the future'
    WHEN `price` <= 0 THEN 'price is not positive'
    WHEN `price` > ${max_price} THEN 'price out of range'
    WHEN `qty` <= 0 THEN 'qty is not positive'
    WHEN `qty` < ${min_qty} OR `qty` > ${max_qty} THEN 'qty out of range'
    ELSE 'not a trade'
  END AS `reason`
FROM `fields`;
