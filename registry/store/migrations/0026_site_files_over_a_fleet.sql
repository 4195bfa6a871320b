-- Site files on their way over a site, as programs are: each gateway gets its own.

alter table gateway_update
  add column kind text not null default 'program' check (kind in ('program', 'site-file')),
  alter column program drop not null,
  alter column file_digest drop not null,
  alter column file_bytes drop not null,
  alter column file_key drop not null,
  add constraint gateway_update_one_file check (case kind when 'program' then num_nulls(program, file_digest, file_bytes, file_key) = 0 else num_nonnulls(program, file_digest, file_bytes, file_key) = 0 end);

alter table gateway_update_target
  -- What it says that it runs when it has it; null: what the update says.
  add column wanted text,
  add column file_digest text,
  add column file_bytes bigint,
  add column file_key text,
  add constraint gateway_update_target_own_file check (num_nulls(file_digest, file_bytes, file_key) in (0, 3));

alter table gateway_command
  drop constraint gateway_command_kind,
  add constraint gateway_command_kind check (kind in ('recall', 'install-bundle', 'acknowledge', 'update', 'configure'));
