// Stands for the landing process of one gateway: ready once batches and reports can come in.
import { pino } from 'pino'
import { createLanding } from '../../../infra/landing.ts'
import { topics } from '../../../registry/domain/contract/batch.ts'
import { createPool } from '../../../registry/store/pool.ts'
import { createMemoryObjectStore } from '../../helpers/memory-object-store.ts'

const env = (name: string): string => process.env[name] ?? ''
const landing = createLanding({
  ctx: { pool: createPool(env('DATABASE_URL'), { max: 2 }), objects: createMemoryObjectStore(), nowUs: () => Date.now() * 1000 },
  mqtt: { url: env('MQTT_URL'), username: env('MQTT_USER'), password: env('MQTT_PASSWORD') }, log: pino({ level: 'silent' }), clientId: env('CLIENT_ID'),
  filters: [topics.batch(env('SITE'), env('GATEWAY'))], reportFilters: [topics.report(env('SITE'), env('GATEWAY'))],
})
await landing.start()
process.send?.({ type: 'ready' })
