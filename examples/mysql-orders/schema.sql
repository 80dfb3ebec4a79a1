-- Orders of a shop in two tables, by order_id % 2, as its services write them; and the account of the follower.
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;

CREATE TABLE orders_0 (
  order_id BIGINT UNSIGNED PRIMARY KEY,
  user_id BIGINT UNSIGNED NOT NULL,
  status ENUM('new', 'paid', 'sent') NOT NULL DEFAULT 'new',
  amount DECIMAL(12, 2) NOT NULL,
  card VARCHAR(20),
  changed_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
);
CREATE TABLE orders_1 LIKE orders_0;

CREATE USER follower@'127.0.0.1' IDENTIFIED BY 'follow me';
GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO follower@'127.0.0.1';
GRANT SELECT ON shop.* TO follower@'127.0.0.1';
