-- A gate whose evidence was computed anew goes on where the former one stood: escalation counts from the first request. Null: from its own.
alter table gate add column waits_since timestamptz;
