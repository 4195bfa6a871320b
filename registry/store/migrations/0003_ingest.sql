-- From the landing zone to stored readings. raw_batch is the truth of what arrived; chunks are its effect.

create table gateway (
  site_id       text not null references site,
  gateway_id    text not null,
  first_seen_at timestamptz not null default now(),
  last_seen_at  timestamptz not null default now(),
  -- Gateway clock minus platform clock at the last batch.
  clock_skew_us bigint,
  primary key (site_id, gateway_id)
);
call protect('gateway', 'select, insert, update');

create table raw_batch (
  batch_id        bigint generated always as identity primary key,
  site_id         text not null references site,
  gateway_id      text not null,
  epoch           text not null,
  sequence        bigint not null,
  kind            text not null check (kind in ('readings', 'waveforms')),
  mode            text not null check (mode in ('live', 'backfill', 'simulation')),
  lane            text not null check (lane in ('live', 'backfill')),
  digest          text not null,
  bytes           integer not null,
  object_key      text not null,
  mapping_digest  text not null,
  row_count       integer not null,
  complete_through timestamptz,
  -- Source times of the stored rows, set at commit: tells at once whether a batch reaches back behind closed windows.
  first_time      timestamptz,
  last_time       timestamptz,
  trace_id        text not null,
  created_at      timestamptz not null,
  received_at     timestamptz not null default clock_timestamp(),
  state           text not null default 'landed' check (state in ('landed', 'committed', 'quarantined')),
  commit_number   bigint,
  committed_at    timestamptz,
  -- Counts: accepted, repeated, revised, quarantined; for a quarantined batch the reason.
  outcome         jsonb,
  windows_closed_at timestamptz,
  -- (gateway, epoch, sequence) takes effect once.
  unique (site_id, gateway_id, epoch, sequence),
  unique (site_id, commit_number),
  check ((state = 'committed') = (commit_number is not null)),
  -- No row of a committed batch goes missing: each is counted under exactly one fate.
  check (state <> 'committed' or coalesce((outcome->>'accepted')::integer + (outcome->>'repeated')::integer
         + (outcome->>'revised')::integer + (outcome->>'quarantined')::integer = row_count, false))
);
-- The dispatcher: what landed and has no outcome, or committed but its windows were not closed.
create index raw_batch_waiting on raw_batch (site_id, gateway_id, epoch, sequence) where state = 'landed' or (state = 'committed' and windows_closed_at is null);
call protect('raw_batch', 'select, insert, update');

-- One line per reason: a whole batch (tag_key null) or rows of one tag in it. The bytes stay in the object store.
create table quarantine (
  quarantine_id bigint generated always as identity primary key,
  site_id       text not null references site,
  batch_id      bigint references raw_batch,
  gateway_id    text not null,
  epoch         text,
  sequence      bigint,
  digest        text not null,
  object_key    text,
  tag_key       text,
  code          text not null,
  reason        text not null,
  row_count     integer not null,
  first_time    timestamptz,
  last_time     timestamptz,
  sample        jsonb,
  at            timestamptz not null default now(),
  unique nulls not distinct (site_id, gateway_id, epoch, sequence, digest, tag_key, code)
);
create index quarantine_recent on quarantine (site_id, quarantine_id desc);
call protect('quarantine', 'select, insert');

-- How far each gateway has come in each lane.
create table gateway_lane (
  site_id          text not null references site,
  gateway_id       text not null,
  epoch            text not null,
  lane             text not null check (lane in ('live', 'backfill')),
  complete_through timestamptz not null,
  last_sequence    bigint not null,
  last_batch_at    timestamptz not null default now(),
  primary key (site_id, gateway_id, epoch, lane)
);
call protect('gateway_lane', 'select, insert, update');

-- Which gateway streams feed an asset in a lane: the asset's watermark is their minimum.
create table asset_source (
  site_id    text not null references site,
  asset_ref  integer not null references asset,
  lane       text not null check (lane in ('live', 'backfill')),
  gateway_id text not null,
  epoch      text not null,
  -- Commit number of the first batch that fed the asset: from there on its silence holds windows back.
  first_commit bigint,
  primary key (asset_ref, lane, gateway_id, epoch)
);
create index asset_source_by_gateway on asset_source (site_id, gateway_id, epoch, lane);
call protect('asset_source', 'select, insert');

-- Times ascending within a chunk; a chunk never crosses a UTC midnight, so that a look-back is one day at most.
-- interval_us instead of times where readings are evenly spaced; quals null = all good; raws null = same as vals.
create table reading_chunk (
  site_id     text not null,
  tag_ref     integer not null,
  t_min       timestamptz not null,
  t_max       timestamptz not null,
  n           integer not null,
  -- 0: first knowledge of these readings; above: a differing value for (tag, time, occurrence), newest wins.
  revision    smallint not null default 0,
  batch_id    bigint not null,
  interval_us bigint,
  times       timestamptz[],
  vals        double precision[] not null,
  raws        double precision[],
  quals       smallint[],
  check (interval_us is not null or times is not null)
) partition by range (t_min);
-- Reads by tag and time; also how ingest finds what a late batch overlaps.
create index reading_chunk_by_tag on reading_chunk (tag_ref, t_min);
call protect('reading_chunk', 'select, insert');

create table waveform (
  site_id     text not null,
  tag_ref     integer not null,
  t_start     timestamptz not null,
  revision    smallint not null default 0,
  batch_id    bigint not null,
  interval_us double precision not null,
  scale       double precision not null,
  shift       double precision not null,
  quality     smallint not null,
  n           integer not null,
  samples     real[] not null
) partition by range (t_start);
create unique index waveform_by_tag on waveform (tag_ref, t_start, revision);
call protect('waveform', 'select, insert');

-- Chunks are already dense; compressing them costs more CPU than it saves disk on the hot path.
alter table reading_chunk alter column vals set storage external, alter column raws set storage external, alter column times set storage external;
alter table waveform alter column samples set storage external;

-- The application may need a month nobody has written yet; it may not create tables, so this runs as the owner.
create function ensure_reading_partitions(months date[]) returns void
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
                           'alter column vals set statistics 0, alter column raws set statistics 0, alter column times set statistics 0, alter column quals set statistics 0', child);
          else
            execute format('alter table %I alter column samples set storage external, alter column samples set statistics 0', child);
          end if;
        end if;
      end if;
    end loop;
  end loop;
end $$;
revoke all on function ensure_reading_partitions(date[]) from public;
grant execute on function ensure_reading_partitions(date[]) to twinward_app;

-- The newest reading time of a tag: lets the usual case (a batch that overlaps nothing) skip the search for repeats.
create table tag_head (
  site_id text not null references site,
  tag_ref integer primary key references tag,
  t_max   timestamptz not null,
  -- The longest chunk the tag ever had, first to last reading: how far back a search for what reaches into a span must go.
  longest_us bigint not null default 0
);
call protect('tag_head', 'select, insert, update');

-- One reading a row, for people with psql. security_invoker: row-level security of the reader applies.
create view reading with (security_invoker = true) as
select c.site_id, t.tag_key, c.tag_ref,
       coalesce(c.times[i], c.t_min + (i - 1) * c.interval_us * interval '1 microsecond') as source_time,
       c.vals[i] as value,
       coalesce(c.raws[i], c.vals[i]) as raw,
       coalesce(c.quals[i], 0)::integer & 65535 as quality,
       c.revision, c.batch_id, b.commit_number, b.received_at as ingest_time
from reading_chunk c
join tag t using (tag_ref)
join raw_batch b on b.batch_id = c.batch_id
cross join lateral generate_series(1, c.n) as i;
grant select on reading to twinward_app;
