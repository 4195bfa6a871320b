// Stands for a keeper that compacts, and says so after each transaction.
import { compactReadings } from '../../../registry/services/compact-readings.ts'
import { createPool } from '../../../registry/store/pool.ts'

const pool = createPool(process.env['DATABASE_URL'] ?? '', { max: 2 })
await compactReadings({ pool }, {
  site: process.env['SITE'] ?? '', committedBeforeUs: Date.now() * 1000 + 60_000_000, rest: async () => { process.send?.({ type: 'transaction' }) },
})
await pool.end()
process.exit(0)
