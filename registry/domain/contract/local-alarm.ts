import { z } from 'zod'
import { microsSchema, sha256Schema, slugSchema, tagKeySchema } from './primitives.ts'
import { severitySchema } from './scored-event.ts'

/** One number that an alarm rests on, beside the limit it broke. */
export const alarmNumberSchema = z.object({
  tag: tagKeySchema,
  what: z.enum(['above', 'below', 'rises', 'falls', 'missing']).describe('Which limit: of the value, of its change a second, or of the seconds without a reading'),
  value: z.number().nullable(),
  limit: z.number(),
  unit: z.string().max(80).describe('UCUM, of value and limit'),
})
export type AlarmNumber = z.infer<typeof alarmNumberSchema>

/** What a release judged at the gateway, when it raised an alarm: the platform raises the same alert once it has the readings. */
export const alarmJudgementSchema = z.object({
  release: z.object({ id: z.string().min(1).max(100), digest: sha256Schema }),
  bundle: z.object({ digest: sha256Schema, issue: z.int().min(1) }),
  window: z.object({ startUs: microsSchema, endUs: microsSchema }).describe('In which the rule raised; its end is since'),
  score: z.number().nullable(),
  confidence: z.number().nullable(),
  signal: z.string().max(200).describe('What the rule of the policy looks at'),
  value: z.number().nullable(),
  raiseAt: z.number(),
  clearAt: z.number(),
  failureMode: z.string().max(200).nullable(),
  replay: z.enum(['exact', 'equivalent']).describe('How nearly the platform will come to the same figures'),
})
export type AlarmJudgement = z.infer<typeof alarmJudgementSchema>

/**
 * An alarm that a gateway raised, from first to last (ISA-18.2): one episode, told again with a higher revision whenever
 * something about it changes. Either a rule of the gateway's own site file raised it, and it stands beside the platform's
 * alerts; or a release did that judges there, and it is the platform's alert, known earlier.
 */
export const localAlarmSchema = z
  .object({
    id: z.string().min(1).max(80).describe('Unique on the gateway for ever'),
    revision: z.number().int().min(1),
    asset: slugSchema,
    rule: slugSchema.describe('Of the site file, or of the policy of the release'),
    severity: severitySchema,
    message: z.string().min(1).max(500),
    recommendedAction: z.string().max(1000).nullable(),
    state: z.enum(['active', 'cleared']).describe('Whether its condition holds'),
    sinceUs: microsSchema.describe('Since when the condition held: source time'),
    raisedUs: microsSchema.describe('When it was raised: gateway clock'),
    clearedUs: microsSchema.nullable().describe('Since when the condition is over: source time; null while it holds'),
    because: z.enum(['normal', 'rule-gone']).nullable().describe('Why it is cleared: the machine is back to normal, or nobody watches any more'),
    numbers: z.array(alarmNumberSchema).max(50).describe('What raised it'),
    judgement: alarmJudgementSchema.nullable().default(null).describe('null: a rule of the site file raised it'),
    acknowledged: z.object({ by: z.string().min(1).max(200), atUs: microsSchema, comment: z.string().max(500).nullable() }).nullable(),
  })
  .meta({ id: 'LocalAlarm' })
export type LocalAlarm = z.infer<typeof localAlarmSchema>

export const localAlarmExample: LocalAlarm = {
  id: '9f2c64b01d7a-1', revision: 1, asset: 'pump-1', rule: 'motor-hot', severity: 'high', message: 'The motor is hot', recommendedAction: 'Stop the pump and look at its cooling.',
  state: 'active', sinceUs: 1_772_366_390_000_000, raisedUs: 1_772_366_400_030_000, clearedUs: null, because: null,
  numbers: [{ tag: 'pump-1/motor-temp', what: 'above', value: 93.5, limit: 90, unit: 'Cel' }], judgement: null, acknowledged: null,
}
