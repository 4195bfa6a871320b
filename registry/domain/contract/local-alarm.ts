import { z } from 'zod'
import { microsSchema, slugSchema, tagKeySchema } from './primitives.ts'
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

/**
 * An alarm that a gateway raised by a rule of its own site file, from first to last (ISA-18.2): one episode, told again with a
 * higher revision whenever something about it changes. It stands beside the platform's alerts, which come of models.
 */
export const localAlarmSchema = z
  .object({
    id: z.string().min(1).max(80).describe('Unique on the gateway for ever'),
    revision: z.number().int().min(1),
    asset: slugSchema,
    rule: slugSchema,
    severity: severitySchema,
    message: z.string().min(1).max(500),
    recommendedAction: z.string().max(500).nullable(),
    state: z.enum(['active', 'cleared']).describe('Whether its condition holds'),
    sinceUs: microsSchema.describe('Since when the condition held: source time'),
    raisedUs: microsSchema.describe('When it was raised: gateway clock'),
    clearedUs: microsSchema.nullable().describe('Since when the condition is over: source time; null while it holds'),
    because: z.enum(['normal', 'rule-gone']).nullable().describe('Why it is cleared: the machine is back to normal, or nobody watches any more'),
    numbers: z.array(alarmNumberSchema).max(50).describe('What raised it'),
    acknowledged: z.object({ by: z.string().min(1).max(200), atUs: microsSchema, comment: z.string().max(500).nullable() }).nullable(),
  })
  .meta({ id: 'LocalAlarm' })
export type LocalAlarm = z.infer<typeof localAlarmSchema>

export const localAlarmExample: LocalAlarm = {
  id: '9f2c64b01d7a-1', revision: 1, asset: 'pump-1', rule: 'motor-hot', severity: 'high', message: 'The motor is hot', recommendedAction: 'Stop the pump and look at its cooling.',
  state: 'active', sinceUs: 1_772_366_390_000_000, raisedUs: 1_772_366_400_030_000, clearedUs: null, because: null,
  numbers: [{ tag: 'pump-1/motor-temp', what: 'above', value: 93.5, limit: 90, unit: 'Cel' }], acknowledged: null,
}
