CREATE TABLE orders (id serial PRIMARY KEY);
CREATE TABLE totals (name text PRIMARY KEY, value bigint NOT NULL, fence bigint NOT NULL);
INSERT INTO totals VALUES ('orders', 0, 0);
