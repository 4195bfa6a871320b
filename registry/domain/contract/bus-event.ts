import { z } from 'zod'
import { instantSchema } from './primitives.ts'

export const alertEventKinds = [
  'raised', 'raised-again', 'returned-to-normal', 'acknowledged', 'overdue', 'escalated', 'shelved', 'unshelved', 'work-order-created', 'feedback-given', 'closed',
] as const
export type AlertEventKind = (typeof alertEventKinds)[number]

/** Every type of event that leaves the platform; `docs/events.md` says when. */
export const eventTypes = [
  ...alertEventKinds.map((kind) => `alert.${kind}` as const),
  'gate.requested', 'gate.opened', 'gate.reminder', 'gate.decided', 'gate.approved', 'gate.rejected', 'gate.expired', 'gate.withdrawn', 'gate.voided',
  'gate.changes-asked', 'gate.answered', 'gate.commented', 'gate.reviewer-added', 'gate.escalated', 'gate.emergency-approved', 'gate.reviewed', 'gate.review-overdue',
  'rollout.started', 'rollout.advanced', 'rollout.ready', 'rollout.completed', 'rollout.stopped', 'rollout.rolled-back', 'rollout.superseded',
  'governance.changed', 'family.changed', 'delegation.made', 'delegation.revoked', 'assignment.switched', 'assignment.rolled-back', 'policy.proposed',
  'window.scored', 'windows.scored', 'release.refused', 'replay.failed', 'incident.opened', 'incident.acknowledged', 'incident.closed', 'drift.detected', 'retraining.ended', 'rescore.asked', 'rescore.ended', 'lineage.run', 'maintenance.recorded',
  'local-alarm.raised', 'local-alarm.cleared', 'gateway-update.started', 'gateway-update.advanced', 'gateway-update.completed', 'gateway-update.stopped', 'gateway-update.failed', 'gateway.enrolled', 'gateway.renewed', 'gateway.revoked', 'gateway.copied',
] as const
export type EventType = (typeof eventTypes)[number]

/** An event on the bus and in a webhook's body. Small: ids and a few facts, never readings. */
export const busEventSchema = z
  .strictObject({
    id: z.string().min(1).describe('Stays the same when the event is delivered again: receivers drop what they have seen'),
    type: z.string().regex(/^[a-z-]+\.[a-z-]+$/).describe('Dotted, e.g. `alert.raised`; `window.scored` carries a ScoredEvent'),
    site: z.string().min(1),
    at: instantSchema,
    data: z.unknown(),
  })
  .meta({ id: 'BusEvent' })
export type BusEvent = Readonly<z.infer<typeof busEventSchema>>
