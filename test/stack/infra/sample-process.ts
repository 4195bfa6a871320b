// Stands for one of the platform's processes in a test: it says where it is in the order of things, and does as told.
import { appendFileSync } from 'node:fs'
import path from 'node:path'
import { connectionsOf, loadConfig } from '../../../infra/config.ts'

const config = loadConfig()
// Throws when the platform did not hand over all four connections.
connectionsOf(config)
const note = (text: string) => { appendFileSync(path.join(config.dataDir, 'notes'), `${text}\n`) }

note(`owner ${process.env['DATABASE_MIGRATION_URL'] === undefined ? 'kept' : 'leaked'}`)
process.once('SIGTERM', () => {
  // Time in which a server that is stopped too early would be missed.
  setTimeout(() => {
    note('stopped in order')
    process.exit(0)
  }, 400)
})
setInterval(() => {}, 1000)
process.send?.({ type: 'ready', address: `process ${process.pid}` })
