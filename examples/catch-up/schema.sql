CREATE TABLE nightly_runs (job text PRIMARY KEY, ran_for timestamptz NOT NULL, fence bigint NOT NULL);
CREATE TABLE reports (night timestamptz NOT NULL, fence bigint NOT NULL);
