-- One small plant with everything that version 0009 of the schema kept, as that version wrote it: what every later
-- migration must carry over. Never edit it for a newer schema; add a file of that version's own.
select set_config('twinward.site', '*', false);
insert into site (site_id, name, last_commit) values ('old', 'Old plant', 2);
insert into actor (site_id, actor_id, name, roles) values
  ('old', 'ada', 'Ada', '{ml-engineer}'), ('old', 'rex', 'Rex', '{reliability-engineer}'), ('old', 'olga', 'Olga', '{operator}');
insert into api_key (site_id, actor_id, hash, label) values ('old', 'ada', '\x01', 'laptop');
insert into area (site_id, area_id, name) values ('old', 'main', 'main');
insert into line (site_id, line_id, area_id, name) values ('old', 'line-1', 'main', 'Line 1');
insert into family (site_id, family_id, name, owner_id, governance) values ('old', 'pumps', 'Pumps', 'rex',
  '{"promote-model": {"requiredApprovals": 1, "roles": ["reliability-engineer"], "ownerMustApprove": true, "expiresAfterSeconds": 259200},
    "approve-policy": {"requiredApprovals": 1, "roles": ["reliability-engineer"], "ownerMustApprove": false, "expiresAfterSeconds": 259200},
    "alerts": {"autoCloseAfterSeconds": 3600}}');
insert into asset (site_id, asset_id) values ('old', 'pump-1');
insert into asset_version (asset_ref, site_id, valid, name, class, family_id, line_id)
  select asset_ref, site_id, tstzrange('2026-01-01Z', null), 'Pump 1', 'centrifugal-pump', 'pumps', 'line-1' from asset;
insert into tag (site_id, asset_ref, tag_key, kind) select site_id, asset_ref, 'pump-1/temp', 'scalar' from asset;
insert into tag_version (tag_ref, site_id, valid, role, unit, canonical_unit, calibration)
  select tag_ref, site_id, tstzrange('2026-01-01Z', null), 'temp', 'Cel', 'Cel', '{"due": "2027-01-01"}' from tag;
insert into maintenance_event (site_id, asset_ref, kind, during, recorded_by)
  select site_id, asset_ref, 'failure', tstzrange('2026-03-02Z', '2026-03-02 06:00Z'), 'olga' from asset;

insert into gateway (site_id, gateway_id) values ('old', 'gw-1');
insert into raw_batch (site_id, gateway_id, epoch, sequence, kind, mode, lane, digest, bytes, object_key, mapping_digest, row_count, trace_id, created_at,
                       state, commit_number, committed_at, first_time, last_time, outcome, windows_closed_at)
  select 'old', 'gw-1', 'e1', n, 'readings', 'live', 'live', 'd' || n, 10, 'raw/' || n, 'm', 3, 't', '2026-03-01Z',
         'committed', n, '2026-03-01Z', '2026-03-01Z', '2026-03-01 00:00:02Z', '{"accepted": 3, "repeated": 0, "revised": 0, "quarantined": 0}', '2026-03-01Z'
  from generate_series(1, 2) n;
insert into gateway_lane (site_id, gateway_id, epoch, lane, complete_through, last_sequence) values ('old', 'gw-1', 'e1', 'live', '2026-03-01Z', 2);
insert into asset_source (site_id, asset_ref, lane, gateway_id, epoch, first_commit) select 'old', asset_ref, 'live', 'gw-1', 'e1', 1 from asset;
select ensure_reading_partitions('{2026-03-01}');
insert into reading_chunk (site_id, tag_ref, t_min, t_max, n, batch_id, interval_us, vals)
  select 'old', tag_ref, '2026-03-01Z', '2026-03-01 00:00:02Z', 3, batch_id, 1000000, '{1,2,3}' from tag, raw_batch where sequence = 1;
insert into tag_head (site_id, tag_ref, t_max) select 'old', tag_ref, '2026-03-01 00:00:02Z' from tag;
insert into gap (site_id, gateway_id, gap_id, revision, cause, tag_key, from_at, first_reported_at, last_reported_at)
  values ('old', 'gw-1', 'g1', 1, 'wan', 'pump-1/temp', '2026-03-01Z', '2026-03-01Z', '2026-03-01Z');
insert into gateway_mapping (site_id, gateway_id, digest, document, first_seen_at) values ('old', 'gw-1', 'm', '{"version": 1, "tags": []}', '2026-03-01Z');

insert into feature_set (site_id, family_id, name, version, digest, definition, created_by) values ('old', 'pumps', 'basic', 1, 'fs', '{}', 'ada');
insert into dataset (site_id, family_id, feature_set_ref, digest, manifest_key, manifest, commit_number, row_count, created_by)
  select 'old', 'pumps', feature_set_ref, 'ds', 'datasets/ds', '{}', 1, 100, 'ada' from feature_set;
insert into model_version (site_id, family_id, name, version, kind, artifact_key, digest, feature_set_ref, dataset_id, metrics, calibration, card, runtime, reason, run_id, created_by)
  select 'old', 'pumps', 'pumps-pca', n, 'pca', 'models/m' || n, 'mv' || n, feature_set_ref, dataset_id, '{}', '{}', 'card', '{}', 'first', 'run-' || n, 'ada'
  from dataset, generate_series(1, 2) n;
insert into policy (site_id, family_id, version, digest, definition, created_by) values ('old', 'pumps', 1, 'p1',
  '{"name": "pumps", "version": 1, "rules": [{"id": "high", "signal": "confidence", "comparison": "above", "raiseAt": 0.99, "clearAt": 0.9, "onDelayUs": 0, "offDelayUs": 0, "severity": "high", "recommendedAction": "look"}],
    "routing": {"channels": {"low": [], "medium": [], "high": [], "urgent": []}, "acknowledgeWithinSeconds": 600, "escalation": []}}', 'ada');
insert into release (site_id, family_id, release_id, number, model_version_ref, feature_set_ref, policy_ref, digest, created_by)
  select 'old', 'pumps', 'pumps-r' || m.version, m.version, m.model_version_ref, m.feature_set_ref, policy_ref, 'r' || m.version, 'ada' from model_version m, policy;

insert into gate (site_id, family_id, kind, release_ref, role, scope_kind, scope_id, rules, evidence, evidence_digest, evidence_commit, state, reason,
                  requested_by, author_id, authors, expires_at, closed_at, workflow_id)
  select 'old', 'pumps', 'promote-model', release_ref, 'champion', 'family', 'pumps',
         '{"requiredApprovals": 1, "roles": ["reliability-engineer"], "ownerMustApprove": true, "expiresAtUs": 4000000000000000, "remindEverySeconds": 86400}',
         '{"kind": "promote-model"}', repeat('a', 64), 1, case number when 1 then 'approved' else 'open' end, 'first', 'ada', 'ada', '{ada}', '2096-10-02Z',
         case number when 1 then timestamptz '2026-03-01Z' end, 'gate-' || number
  from release;
insert into gate_decision (site_id, gate_id, actor_id, actor_roles, verdict, evidence_digest, comment)
  select 'old', gate_id, 'rex', '{reliability-engineer}', 'approve', repeat('a', 64), 'fine' from gate where state = 'approved';
insert into assignment (site_id, family_id, release_ref, role, scope_kind, scope_id, valid, gate_id, reason, assigned_by, request_id)
  select 'old', 'pumps', release_ref, 'champion', 'family', 'pumps', tstzrange('2026-03-01Z', null), gate_id, 'first', 'ada', 'gate:1' from gate where state = 'approved';
insert into ledger_entry (site_id, kind, subject, actor_id, body) values ('old', 'assignment.switched', 'release/pumps-r1', 'platform:gates', '{"release":"pumps-r1"}');
insert into ledger_seal (site_id, sequence, entry_id, previous_hash, hash) select 'old', 1, entry_id, repeat('0', 64), repeat('1', 64) from ledger_entry;

insert into asset_lane (site_id, asset_ref, feature_set_ref, lane, closed_through) select 'old', asset_ref, feature_set_ref, 'live', '2026-03-01Z' from asset, feature_set;
insert into feature_window (site_id, asset_ref, feature_set_ref, window_end, revision, lane, mode, window_start, commit_number, source_time, ingest_time, feature_values, good_fraction, trace_id)
  select 'old', asset_ref, feature_set_ref, timestamptz '2026-03-01Z' + n * interval '1 minute', 0, 'live', 'live', timestamptz '2026-03-01Z' + (n - 1) * interval '1 minute', 1,
         '2026-03-01Z', '2026-03-01Z', '{1,2}', 1, 't' from asset, feature_set, generate_series(1, 5) n;
insert into score (site_id, asset_ref, window_id, window_end, revision, lane, release_ref, role, score, confidence, contributions, decision, runtime_digest)
  select 'old', w.asset_ref, w.window_id, w.window_end, 0, 'live', release_ref, 'champion', 3.5, 0.995, '[]', '{}', 'rt' from feature_window w, release where number = 1;
insert into alert (site_id, asset_ref, rule_id, severity, recommended_action, release_ref, raised_score_id, raised_at, pages, routing, called_at, workflow_id)
  select 'old', asset_ref, 'high', 'high', 'look', release_ref, score_id, window_end, true, '{}', '2026-03-01Z', 'alert-1' from score order by score_id limit 1;
insert into feedback (site_id, alert_id, verdict, given_by) select 'old', alert_id, 'confirmed', 'olga' from alert;
insert into label (site_id, asset_ref, during, value, source_kind, source_id) select 'old', asset_ref, tstzrange('2026-03-01Z', '2026-03-02Z'), 'faulty', 'feedback', feedback_id::text from feedback, asset;
