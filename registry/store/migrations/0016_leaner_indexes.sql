-- Columns of indexes that nothing asked for: reviews are listed by when they were requested, alerts of a machine's rule are found, not sorted.
drop index gate_review_due;
create index gate_review_due on gate (site_id, requested_at) where review_state = 'due';
drop index alert_by_asset;
create index alert_by_asset on alert (asset_ref, rule_id);
