-- Small chunks of one tag and hour are put into one row, a bundle, which keeps each of them apart: which batch left it, from
-- when to when, how many readings. So as-of reads, lineage and replays see the very chunks that ingest stored.

alter table reading_chunk
  alter column batch_id drop not null,
  -- Of a bundle, part by part in time order; parts never overlap. Null where the row is one chunk of one batch.
  add column part_batches bigint[],
  add column part_starts  timestamptz[],
  add column part_ends    timestamptz[],
  add column part_counts  integer[],
  add constraint chunk_or_bundle check (case when batch_id is null
    then num_nulls(part_batches, part_starts, part_ends, part_counts) = 0 and revision = 0
    else num_nulls(part_batches, part_starts, part_ends, part_counts) = 4 end);

-- A bundle reaches further than the chunks about it, so reads look back further for bundles alone.
create index reading_chunk_bundles on reading_chunk (tag_ref, t_min) where batch_id is null;

do $$
declare child regclass;
begin
  for child in select inhrelid from pg_inherits where inhparent = 'reading_chunk'::regclass loop
    execute format('alter table %s alter column part_batches set statistics 0, alter column part_starts set statistics 0, '
                   'alter column part_ends set statistics 0, alter column part_counts set statistics 0', child);
  end loop;
end $$;

-- COPY goes into the partitions themselves, since PostgreSQL refuses it under row-level security. The application may
-- insert there and nothing else, and this stands in for the policy of the whole table. (After the row: a trigger before it
-- would have COPY insert row by row.)
create function refuse_foreign_site() returns trigger language plpgsql as $$
begin
  raise exception 'rows of site % do not belong into this transaction', new.site_id using errcode = 'insufficient_privilege';
end $$;

create or replace function ensure_reading_partitions(months date[]) returns void
language plpgsql security definer set search_path from current as $$
declare
  month date;
  parent text;
  child text;
begin
  foreach month in array months loop
    month := date_trunc('month', month)::date;
    foreach parent in array array['reading_chunk', 'waveform'] loop
      child := format('%s_%s', parent, to_char(month, 'YYYYMM'));
      if to_regclass(child) is null then
        perform pg_advisory_xact_lock(hashtext('twinward.partition.' || child));
        if to_regclass(child) is null then
          execute format('create table if not exists %I partition of %I for values from (%L) to (%L)', child, parent,
                         month::timestamp at time zone 'UTC', (month + interval '1 month')::timestamp at time zone 'UTC');
          -- Statistics of array elements would have every ANALYZE read and count millions of readings; no query uses them.
          if parent = 'reading_chunk' then
            execute format('alter table %I alter column vals set storage external, alter column raws set storage external, alter column times set storage external, '
                           'alter column vals set statistics 0, alter column raws set statistics 0, alter column times set statistics 0, alter column quals set statistics 0, '
                           'alter column part_batches set statistics 0, alter column part_starts set statistics 0, '
                           'alter column part_ends set statistics 0, alter column part_counts set statistics 0', child);
          else
            execute format('alter table %I alter column samples set storage external, alter column samples set statistics 0', child);
          end if;
          execute format('create or replace trigger copied_rows after insert on %I for each row when (not site_writable(new.site_id)) execute function refuse_foreign_site()', child);
          execute format('grant insert on %I to twinward_app', child);
        end if;
      end if;
    end loop;
  end loop;
end $$;

-- Each reading under the batch that brought it: vals[skip + 1 : skip + n] are those of one chunk, part of a bundle or not.
create or replace view reading with (security_invoker = true) as
select c.site_id, t.tag_key, c.tag_ref,
       coalesce(c.times[i], c.t_min + (i - 1) * c.interval_us * interval '1 microsecond') as source_time,
       c.vals[i] as value,
       coalesce(c.raws[i], c.vals[i]) as raw,
       coalesce(c.quals[i], 0)::integer & 65535 as quality,
       c.revision, p.batch_id, b.commit_number, b.received_at as ingest_time
from reading_chunk c
join tag t using (tag_ref)
cross join lateral (
  select c.batch_id, 0 as skip, c.n where c.batch_id is not null
  union all
  select u.batch_id, (sum(u.n) over (order by u.place) - u.n)::integer, u.n
  from unnest(c.part_batches, c.part_counts) with ordinality as u (batch_id, n, place)
) p
join raw_batch b on b.batch_id = p.batch_id
cross join lateral generate_series(p.skip + 1, p.skip + p.n) as i;

-- The application may not delete readings. It may have removed what a larger bundle of the same hours holds too, chunk for
-- chunk and value for value; that is all this can do, whenever it is called.
create function forget_bundled_chunks(tag integer, since timestamptz, past timestamptz) returns integer
language plpgsql security definer set search_path from current as $$
declare
  removed integer;
begin
  with part as materialized (
    select c.tableoid as part_of, c.ctid as place, c.n as total, c.batch_id is null as bundled,
           p.batch_id, p.t_min, p.t_max, p.n, c.vals[p.skip + 1 : p.skip + p.n] as vals
    from reading_chunk c
    cross join lateral (
      select c.batch_id, c.t_min, c.t_max, c.n, 0 as skip where c.batch_id is not null
      union all
      select u.batch_id, u.t_min, u.t_max, u.n, (sum(u.n) over (order by u.place) - u.n)::integer
      from unnest(c.part_batches, c.part_starts, c.part_ends, c.part_counts) with ordinality as u (batch_id, t_min, t_max, n, place)
    ) p
    -- Larger rows are never put into a bundle.
    where c.tag_ref = tag and c.t_min >= since and c.t_min < past and c.revision = 0 and (c.n < 4096 or c.batch_id is null)
      and site_writable(c.site_id)
  ),
  held as (
    select a.part_of, a.place
    from part a left join part b on b.batch_id = a.batch_id and b.t_min = a.t_min and b.bundled and b.total > a.total
      and b.t_max = a.t_max and b.n = a.n and b.vals = a.vals
    group by a.part_of, a.place having bool_and(b.place is not null)
  )
  delete from reading_chunk c using held h
  where c.tag_ref = tag and c.t_min >= since and c.t_min < past and c.tableoid = h.part_of and c.ctid = h.place;
  get diagnostics removed = row_count;
  return removed;
end $$;
revoke all on function forget_bundled_chunks(integer, timestamptz, timestamptz) from public;
grant execute on function forget_bundled_chunks(integer, timestamptz, timestamptz) to twinward_app;

-- How far compaction has come at each site.
create table compaction (
  site_id       text primary key references site,
  -- What batches up to here touched has been looked at.
  commit_number bigint not null default 0
);
call protect('compaction', 'select, insert, update');
