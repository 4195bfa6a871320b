-- What judges: feature sets, datasets, model versions, policies; the release that binds them; the assignment that puts it in force.

create table feature_set (
  feature_set_ref integer generated always as identity primary key,
  site_id    text not null references site,
  family_id  text not null,
  name       text not null,
  version    integer not null,
  digest     text not null,
  definition jsonb not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  unique (site_id, name, version),
  foreign key (site_id, family_id) references family
);
call protect('feature_set', 'select, insert');
call append_only('feature_set');

create table dataset (
  dataset_id    uuid primary key default gen_random_uuid(),
  site_id       text not null references site,
  family_id     text not null,
  feature_set_ref integer not null references feature_set,
  -- Over canonical rows, not over the file's bytes.
  digest        text not null,
  manifest_key  text not null,
  manifest      jsonb not null,
  commit_number bigint not null,
  row_count     integer not null,
  created_by    text not null,
  created_at    timestamptz not null default now(),
  unique (site_id, family_id, digest)
);
call protect('dataset', 'select, insert');
call append_only('dataset');

create table model_version (
  model_version_ref integer generated always as identity primary key,
  site_id     text not null references site,
  family_id   text not null,
  -- Registered model name; versions count up within it (MLflow's registered model and model version).
  name        text not null,
  version     integer not null,
  kind        text not null,
  artifact_key text not null,
  digest      text not null,
  feature_set_ref integer not null references feature_set,
  dataset_id  uuid not null references dataset,
  metrics     jsonb not null,
  calibration jsonb not null,
  card        text not null,
  runtime     jsonb not null,
  reason      text not null,
  run_id      text not null,
  created_by  text not null,
  created_at  timestamptz not null default now(),
  unique (site_id, name, version),
  -- The same training run registers once, however often its activity is retried.
  unique (site_id, run_id, kind)
);
create index model_version_by_family on model_version (site_id, family_id, created_at desc);
call protect('model_version', 'select, insert');
call append_only('model_version');

create table policy (
  policy_ref integer generated always as identity primary key,
  site_id    text not null references site,
  family_id  text not null,
  version    integer not null,
  digest     text not null,
  definition jsonb not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  unique (site_id, family_id, version),
  foreign key (site_id, family_id) references family
);
call protect('policy', 'select, insert');
call append_only('policy');

create table release (
  release_ref integer generated always as identity primary key,
  site_id     text not null references site,
  family_id   text not null,
  -- family-rN, what people say.
  release_id  text not null,
  number      integer not null,
  model_version_ref integer not null references model_version,
  feature_set_ref   integer not null references feature_set,
  policy_ref        integer not null references policy,
  digest      text not null,
  created_by  text not null,
  created_at  timestamptz not null default now(),
  unique (site_id, release_id),
  unique (site_id, family_id, number),
  unique (site_id, family_id, digest)
);
call protect('release', 'select, insert');
call append_only('release');

create table assignment (
  assignment_id uuid primary key default gen_random_uuid(),
  site_id     text not null references site,
  family_id   text not null,
  release_ref integer not null references release,
  role        text not null check (role in ('champion', 'challenger', 'shadow')),
  scope_kind  text not null check (scope_kind in ('family', 'line', 'asset')),
  scope_id    text not null,
  valid       tstzrange not null check (not isempty(valid)),
  gate_id     uuid,
  reason      text not null,
  assigned_by text not null,
  request_id  text,
  constraint one_champion_per_scope exclude using gist
    (site_id with =, family_id with =, scope_kind with =, scope_id with =, valid with &&) where (role = 'champion'),
  -- The idempotency of a switch or a roll back.
  unique (site_id, request_id)
);
create index assignment_in_force on assignment (site_id, family_id) where upper_inf(valid);
call protect('assignment', 'select, insert, update');
