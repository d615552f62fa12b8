CREATE TABLE deliveries (id serial PRIMARY KEY, url text NOT NULL, delivered_at timestamptz);
