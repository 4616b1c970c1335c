-- The three tables of the lakehouse. Names, types and order of the columns are a contract with every reader.
CREATE TABLE IF NOT EXISTS `${catalog}`.`${database}`.`${raw_table}` (
  `symbol` STRING,
  `ts` BIGINT,
  `price` DOUBLE,
  `qty` DOUBLE,
  `side` STRING,
  `event_time` TIMESTAMP_LTZ(6),
  `kafka_partition` INT,
  `kafka_offset` BIGINT
)
WITH (
  ${table_options}
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${database}`.`${candle_table}` (
  `symbol` STRING NOT NULL,
  `window_start` TIMESTAMP_LTZ(6) NOT NULL,
  `window_end` TIMESTAMP_LTZ(6),
  `open_price` DOUBLE,
  `high_price` DOUBLE,
  `low_price` DOUBLE,
  `close_price` DOUBLE,
  `total_qty` DOUBLE,
  `trade_count` BIGINT,
  `buy_qty` DOUBLE,
  `sell_qty` DOUBLE,
  PRIMARY KEY (`symbol`, `window_start`) NOT ENFORCED
)
WITH (
  'write.upsert.enabled' = 'true',
  ${table_options}
);

CREATE TABLE IF NOT EXISTS `${catalog}`.`${database}`.`${bad_table}` (
  `raw` STRING,
  `reason` STRING,
  `kafka_partition` INT,
  `kafka_offset` BIGINT,
  `kafka_time` TIMESTAMP_LTZ(6)
)
WITH (
  ${table_options}
);
