-- Runs have numbers, so that old ones can be forgotten. Flags come again: everything is judged anew by the present rules.
DELETE FROM reading_flag;
DELETE FROM plausibility_memory;
DELETE FROM plausibility_rules;
DELETE FROM plausibility_checkpoint;
DELETE FROM plausibility_run;
ALTER TABLE plausibility_run ADD COLUMN number bigint NOT NULL UNIQUE;
