import { z } from 'zod'
import { judgedWindowExample, judgedWindowSchema } from './judged-window.ts'
import { localAlarmExample, localAlarmSchema } from './local-alarm.ts'
import { CONTRACT_VERSION, microsSchema, sha256Schema, slugSchema, tagKeySchema } from './primitives.ts'

/**
 * What is missing, or came by another way than it should have, and why.
 * `wan`: no connection to the platform (what was measured meanwhile comes later, as long as the buffer holds it) ·
 * `source_silent`: the machine's side said nothing · `buffer_full`: not taken, dropped or thinned out for want of room ·
 * `quarantined`: the platform set it aside · `clock`: the gateway's clock jumped or was not to be trusted ·
 * `damaged`: the buffer's file was damaged · `disk`: the disk was full or read-only · `gateway_off`: the gateway did not run.
 */
export const gapCauseSchema = z.enum(['wan', 'source_silent', 'buffer_full', 'quarantined', 'clock', 'damaged', 'disk', 'gateway_off'])
export type GapCause = z.infer<typeof gapCauseSchema>

/** One entry of the gap ledger. The same id again with a higher revision is the same gap, further on. */
export const gapSchema = z
  .object({
    id: z.string().min(1).max(80).describe('Unique on the gateway for ever'),
    revision: z.number().int().min(1),
    cause: gapCauseSchema,
    tag: tagKeySchema.nullable().describe('null: all that the source, or the whole gateway, reads'),
    source: z.string().min(1).max(63).nullable().describe('Connector; null: the whole gateway'),
    fromUs: microsSchema.describe('Source time of the first reading concerned, as well as it is known'),
    toUs: microsSchema.nullable().describe('null while it goes on'),
    lost: z.number().int().min(0).nullable().describe('Readings that will never come; null: not known'),
    detail: z.string().max(500).nullable(),
  })
  .meta({ id: 'Gap' })
export type Gap = z.infer<typeof gapSchema>

const orderId = z.string().min(1).max(80)

/** An order of the platform to a gateway, given in the reply to a report until the gateway says that it is done. */
export const gatewayCommandSchema = z
  .discriminatedUnion('kind', [
    z.object({
      id: orderId,
      kind: z.literal('recall').describe('Ship what the raw store still holds of these tags and this period, as backfill'),
      tags: z.array(tagKeySchema).min(1).max(1000),
      fromUs: microsSchema,
      toUs: microsSchema.describe('Inclusive'),
    }),
    z.object({
      id: orderId,
      kind: z.literal('install-bundle').describe('Fetch this signed bundle, check it, put it in force for its machines'),
      digest: sha256Schema,
      bytes: z.int().min(1),
    }),
    z.object({ id: orderId, kind: z.literal('renew').describe('Make another key, and get a certificate for it, before that is due') }),
    z.object({
      id: orderId,
      kind: z.literal('acknowledge').describe('Somebody sees to a local alarm, as was said on the platform'),
      alarm: z.string().min(1).max(80),
      by: z.string().min(1).max(200),
      comment: z.string().max(500).nullable(),
    }),
    z.object({
      id: orderId,
      kind: z.literal('update').describe('Fetch this update of the program, check it, have the launcher try it'),
      digest: sha256Schema,
      bytes: z.int().min(1),
      program: z.string().min(1).max(120).describe('What the gateway says that it runs when it has it'),
    }),
    z.object({
      id: orderId,
      kind: z.literal('configure').describe('Fetch this signed site file, check it, try it'),
      digest: sha256Schema,
      bytes: z.int().min(1),
      siteFile: sha256Schema.describe('Over its text: what the gateway says that it runs by when it has it'),
    }),
  ])
  .meta({ id: 'GatewayCommand' })
export type GatewayCommand = z.infer<typeof gatewayCommandSchema>
export type RecallCommand = Extract<GatewayCommand, { kind: 'recall' }>

/**
 * What a gateway asks for to carry out an order that names a file by its digest: a piece of it from a byte on. Only what an
 * open order of its names is given. JSON over MQTT, both ways.
 */
export const fileRequestSchema = z.object({ digest: sha256Schema, offset: z.int().min(0) }).meta({ id: 'FileRequest' })
export type FileRequest = z.infer<typeof fileRequestSchema>
export const filePieceSchema = z
  .object({
    digest: sha256Schema,
    offset: z.int().min(0),
    total: z.int().min(0).describe('Bytes of the whole file'),
    piece: z.base64().nullable().describe('null: there is no such file for this gateway'),
    problem: z.string().max(500).nullable(),
  })
  .meta({ id: 'FilePiece' })
export type FilePiece = z.infer<typeof filePieceSchema>
/** Bytes in a piece: well within what brokers let through. */
export const FILE_PIECE_BYTES = 128 * 1024

export const commandOutcomeSchema = z
  .object({
    id: z.string().min(1).max(80),
    state: z.enum(['accepted', 'done', 'refused']),
    rows: z.number().int().min(0).describe('Readings and waveforms shipped for it so far'),
    detail: z.string().max(500).nullable(),
  })
  .meta({ id: 'CommandOutcome' })
export type CommandOutcome = z.infer<typeof commandOutcomeSchema>

export const connectorStatusSchema = z.object({
  id: z.string().min(1).max(63),
  type: z.string().min(1).max(63),
  state: z.enum(['starting', 'ok', 'degraded', 'down']),
  detail: z.string().max(500).nullable(),
  lastReadingUs: microsSchema.nullable(),
  counters: z.record(z.string(), z.number()),
})
export type ConnectorStatus = z.infer<typeof connectorStatusSchema>

/** The program that a gateway runs, where a launcher started it. */
export const programStatusSchema = z.object({
  name: z.string().max(120).describe('Version and digest; `installed`: the one it was installed with'),
  trial: z.boolean().describe('It still has to show that it is well'),
  platform: z.string().max(30), arch: z.string().max(30), node: z.string().max(30),
  last: z.object({ id: z.string().max(80), name: z.string().max(120), outcome: z.enum(['confirmed', 'rolled_back']), why: z.string().max(500).nullable() }).nullable().describe('What became of the last update; its id is that of the order'),
})
export type ProgramStatus = z.infer<typeof programStatusSchema>

/** How a gateway is, as it says itself. */
export const gatewayStatusSchema = z
  .object({
    state: z.enum(['ok', 'degraded']),
    problems: z.array(z.string().max(500)).max(20).describe('Each names what is wrong and what to do'),
    buffer: z.object({
      rows: z.number(), bytes: z.number(), capBytes: z.number(), archiveBytes: z.number(),
      oldestUs: microsSchema.nullable().describe('Gateway time of the oldest entry that has not left'),
      diskFreeBytes: z.number().nullable(),
      lostRows: z.number(),
    }),
    rate: z.object({ inPerSec: z.number(), acknowledgedPerSec: z.number() }),
    clock: z.object({
      state: z.enum(['ok', 'unsure']), skewUs: z.number().nullable().describe('Gateway minus platform; null before the first reply'), jumps: z.number(),
    }),
    connectors: z.array(connectorStatusSchema).max(1000),
    counters: z.record(z.string(), z.number()).default({}).describe('Since the buffer was made, or since start'),
    program: programStatusSchema.optional(),
    siteFile: z.object({
      digest: sha256Schema.describe('Over the text of the site file in force'), version: z.int().nullable().describe('Counts the states that were in force on the box; null where they are not kept'),
      former: z.boolean().describe('Another one lies there now and cannot be used'),
      from: z.enum(['file', 'order']).optional().describe('order: the platform ordered it over the file that lies there'),
      trial: z.boolean().optional().describe('It still has to show that it is well'),
      last: z.object({ id: z.string().max(80), digest: sha256Schema, outcome: z.enum(['confirmed', 'rolled_back', 'gave_way']), why: z.string().max(500).nullable() }).nullable().optional()
        .describe('What became of the last one that was ordered; absent: this gateway takes none'),
    }).optional(),
  })
  .meta({ id: 'GatewayStatus' })
export type GatewayStatus = z.infer<typeof gatewayStatusSchema>

/** What judges at a gateway, and by whose word. */
export const judgingReportSchema = z
  .object({
    node: z.string().max(50).describe('Version of Node'),
    keys: z.array(sha256Schema).max(20).describe('Ids of platforms\' keys that the gateway trusts; none: it takes no bundle'),
    assets: z.array(slugSchema).max(1000).describe('Machines that it reads'),
    bundles: z.array(z.object({ asset: slugSchema, digest: sha256Schema, issue: z.int().min(1), release: sha256Schema.describe('Digest of the release') })).max(1000).describe('In force, by machine'),
  })
  .meta({ id: 'JudgingReport' })
export type JudgingReport = z.infer<typeof judgingReportSchema>

/**
 * What a gateway tells beside its batches, every few seconds and after each connection: how it is, what it lost and why,
 * the tag maps it normalises by, what became of its orders. All of it may be told again: ids and revisions make that
 * harmless. JSON over MQTT, QoS 1; the platform's reply says what it has kept.
 */
export const gatewayReportSchema = z
  .object({
    contract: z.literal(CONTRACT_VERSION),
    site: slugSchema,
    gateway: slugSchema,
    epoch: z.string().regex(/^[0-9a-f]{16}$/),
    sentUs: microsSchema.describe('Gateway clock'),
    version: z.string().max(100).describe('Of the gateway software'),
    startedUs: microsSchema,
    status: gatewayStatusSchema,
    gaps: z.array(gapSchema).max(500),
    alarms: z.array(localAlarmSchema).max(200).default([]).describe('Local alarms the platform has not confirmed at their revision'),
    judging: judgingReportSchema.nullable().default(null).describe('null: a version that judges nothing'),
    judged: z.array(judgedWindowSchema).max(500).default([]).describe('Windows it judged that the platform has not confirmed, oldest first'),
    mappings: z.array(z.object({ digest: sha256Schema, document: z.record(z.string(), z.unknown()) })).max(20).describe('Tag maps the platform has not confirmed yet'),
    commands: z.array(commandOutcomeSchema).max(100),
  })
  .meta({ id: 'GatewayReport' })
export type GatewayReport = z.infer<typeof gatewayReportSchema>

/** As the platform reads it: a newer gateway may know causes and states of connectors that this version does not. */
export const arrivedReportSchema = gatewayReportSchema.extend({
  status: gatewayStatusSchema.extend({ connectors: z.array(connectorStatusSchema.extend({ state: z.string().max(40) })).max(1000) }),
  gaps: z.array(gapSchema.extend({ cause: z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/) })).max(500),
})
export type ArrivedReport = z.infer<typeof arrivedReportSchema>

/** Which of the windows of a report. */
export const lastJudgedSchema = z.object({ asset: slugSchema, endUs: microsSchema, issue: z.int().min(1) })
export type LastJudged = z.infer<typeof lastJudgedSchema>

export const gatewayReplySchema = z
  .object({
    sentUs: microsSchema.nullable().describe('Of the report this answers; null when that could not be read'),
    receivedUs: microsSchema.describe('Platform clock'),
    gaps: z.array(z.object({ id: z.string(), revision: z.number().int() })).describe('Kept'),
    alarms: z.array(z.object({ id: z.string(), revision: z.number().int() })).default([]).describe('Kept'),
    judged: lastJudgedSchema.nullable().default(null).describe('Judged windows through this one have been held against the platform\'s; null: none of them'),
    mappings: z.array(sha256Schema).describe('Kept'),
    commands: z.array(gatewayCommandSchema).max(100).describe('Orders that are not done yet'),
    problem: z.string().nullable().describe('Why nothing was kept, or not all'),
  })
  .meta({ id: 'GatewayReply' })
export type GatewayReply = z.infer<typeof gatewayReplySchema>

/** As a gateway reads it: a newer platform may give orders that this version does not know. */
export const arrivedReplySchema = gatewayReplySchema.extend({
  commands: z.array(z.union([gatewayCommandSchema, z.object({ id: orderId, kind: z.string().max(40) })])).max(100),
})

export const gatewayReportExample: GatewayReport = {
  contract: CONTRACT_VERSION, site: 'hamburg', gateway: 'gw-1', epoch: '9f2c64b01d7a33e8',
  sentUs: 1_772_366_401_250_000, version: '0.1.0', startedUs: 1_772_300_000_000_000,
  status: {
    state: 'degraded', problems: ['plc-7: no answer from 10.0.0.7:4840; check its power and cable'],
    buffer: { rows: 1200, bytes: 48_000, capBytes: 2_147_483_648, archiveBytes: 9_000_000, oldestUs: 1_772_366_400_900_000, diskFreeBytes: 8_000_000_000, lostRows: 0 },
    rate: { inPerSec: 100, acknowledgedPerSec: 100 },
    clock: { state: 'ok', skewUs: 1_400, jumps: 0 },
    connectors: [{ id: 'plc-7', type: 'opcua', state: 'down', detail: 'no answer', lastReadingUs: 1_772_366_390_000_000, counters: { reconnects: 3 } }],
    counters: { appended: 1_000_000, acknowledged: 998_800 },
  },
  gaps: [{ id: '9f2c64b01d7a33e8-1', revision: 1, cause: 'source_silent', tag: 'pump-1/motor-temp', source: 'plc-7', fromUs: 1_772_366_390_000_000, toUs: null, lost: null, detail: null }],
  alarms: [localAlarmExample],
  judging: { node: 'v22.12.0', keys: [judgedWindowExample.release.digest], assets: ['pump-1'], bundles: [{ asset: 'pump-1', digest: judgedWindowExample.release.digest, issue: 118, release: judgedWindowExample.release.digest }] },
  judged: [judgedWindowExample], mappings: [], commands: [],
}

export const gatewayReplyExample: GatewayReply = {
  sentUs: 1_772_366_401_250_000, receivedUs: 1_772_366_401_260_000, gaps: [{ id: '9f2c64b01d7a33e8-1', revision: 1 }], alarms: [{ id: localAlarmExample.id, revision: 1 }], judged: { asset: judgedWindowExample.asset, endUs: judgedWindowExample.endUs, issue: judgedWindowExample.issue }, mappings: [],
  commands: [{ id: 'c-1', kind: 'recall', tags: ['pump-3/vibration-de'], fromUs: 1_772_280_000_000_000, toUs: 1_772_366_399_999_999 }], problem: null,
}
