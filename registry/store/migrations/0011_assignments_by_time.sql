-- When an assignment holds, as plain instants. Row-level security lets only leakproof operators look before it: comparing
-- instants is one, a range's @> is not, so no index over the range serves whoever reads under it.
alter table assignment
  add column holds_from timestamptz generated always as (coalesce(lower(valid), '-infinity')) stored,
  add column holds_to   timestamptz generated always as (coalesce(upper(valid), 'infinity')) stored;
create index assignment_by_time on assignment (site_id, family_id, holds_to, holds_from);

-- The gate that let a release in, where a roll back put it there again: the newest earlier assignment of it that had one.
create index assignment_gated on assignment (release_ref, holds_from desc) where gate_id is not null;
