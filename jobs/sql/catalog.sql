-- The Iceberg catalog. Also the init file of Flink's SQL client, once its placeholders are filled in.
CREATE CATALOG `${catalog}`
WITH (
  ${catalog_options}
);

CREATE DATABASE IF NOT EXISTS `${catalog}`.`${database}`;
