-- Somebody may want a gateway's key exchanged before its certificate is due.

alter table gateway_command
  drop constraint gateway_command_kind,
  add constraint gateway_command_kind check (kind in ('recall', 'install-bundle', 'acknowledge', 'update', 'configure', 'renew'));
