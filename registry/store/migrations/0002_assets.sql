-- The plant: what stands where, since when; and the context the alert path needs.
-- Identity tables keep ids for ever; *_version tables say where a thing stood and how it was measured in [valid).

create table area (
  site_id text not null references site,
  area_id text not null,
  name    text not null,
  primary key (site_id, area_id)
);
call protect('area', 'select, insert, update');

create table line (
  site_id text not null references site,
  line_id text not null,
  area_id text not null,
  name    text not null,
  primary key (site_id, line_id),
  foreign key (site_id, area_id) references area
);
call protect('line', 'select, insert, update');

-- Assets that share models, feature sets and policies. governance: required approvals, roles, expiry (data, not code).
create table family (
  site_id    text not null references site,
  family_id  text not null,
  name       text not null,
  owner_id   text,
  governance jsonb not null,
  drift      jsonb not null default '{}',
  created_at timestamptz not null default now(),
  primary key (site_id, family_id)
);
call protect('family', 'select, insert, update');

create table asset (
  asset_ref  integer generated always as identity primary key,
  site_id    text not null references site,
  asset_id   text not null,
  created_at timestamptz not null default now(),
  unique (site_id, asset_id)
);
call protect('asset', 'select, insert');

create table asset_version (
  asset_ref integer not null references asset,
  site_id   text not null references site,
  valid     tstzrange not null,
  name      text not null,
  class     text not null,
  family_id text not null,
  line_id   text not null,
  owner_id  text,
  nameplate jsonb not null default '{}',
  business  jsonb not null default '{}',
  foreign key (site_id, family_id) references family,
  foreign key (site_id, line_id) references line,
  exclude using gist (asset_ref with =, valid with &&)
);
create index asset_version_by_family on asset_version (site_id, family_id);
call protect('asset_version', 'select, insert, update');

create table component (
  site_id      text not null references site,
  asset_ref    integer not null references asset,
  component_id text not null,
  valid        tstzrange not null,
  name         text not null,
  kind         text not null,
  geometry     jsonb not null default '{}',
  exclude using gist (asset_ref with =, component_id with =, valid with &&)
);
call protect('component', 'select, insert, update');

create table tag (
  tag_ref   integer generated always as identity primary key,
  site_id   text not null references site,
  asset_ref integer not null references asset,
  -- asset/name, as it is called on the wire.
  tag_key   text not null,
  kind      text not null check (kind in ('scalar', 'waveform')),
  unique (site_id, tag_key)
);
create index tag_by_asset on tag (asset_ref);
call protect('tag', 'select, insert');

create table tag_version (
  tag_ref        integer not null references tag,
  site_id        text not null references site,
  valid          tstzrange not null,
  component_id   text,
  role           text not null,
  unit           text not null,
  canonical_unit text not null,
  range_low      double precision,
  range_high     double precision,
  provenance     jsonb,
  calibration    jsonb,
  exclude using gist (tag_ref with =, valid with &&)
);
call protect('tag_version', 'select, insert, update');

create table maintenance_event (
  maintenance_id uuid primary key default gen_random_uuid(),
  site_id        text not null references site,
  asset_ref      integer not null references asset,
  component_id   text,
  kind           text not null check (kind in ('stop', 'inspection', 'repair', 'replacement', 'failure')),
  during         tstzrange not null,
  failure_mode   text,
  note           text not null default '',
  work_order     text,
  recorded_by    text not null,
  recorded_at    timestamptz not null default now()
);
create index maintenance_by_asset on maintenance_event (asset_ref, lower(during));
call protect('maintenance_event', 'select, insert');
