-- A model version may be a copy of one at another site: {site, name, version, by}.
alter table model_version add column copied_from jsonb;
