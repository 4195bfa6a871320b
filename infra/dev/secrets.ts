import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { z } from 'zod'
import { readJson, writePrivate } from '../private-file.ts'

const schema = z.object({
  postgresSuperuser: z.string(),
  postgresOwner: z.string(),
  postgresApp: z.string(),
  minioUser: z.string(),
  minioPassword: z.string(),
  mqttUser: z.string(),
  mqttPassword: z.string(),
})

export type Secrets = z.infer<typeof schema>

/** The embedded servers' passwords: made once, kept in `secrets.json` (0600) beside the data that they guard. */
export function loadSecrets(dataDir: string): Secrets {
  const file = path.join(dataDir, 'secrets.json')
  const stored = readJson(file)
  if (stored !== undefined) {
    const parsed = schema.safeParse(stored)
    if (!parsed.success) throw new Error(`${file} lacks a password that the data in ${dataDir} needs. Restore it from a backup.`)
    return parsed.data
  }
  const password = () => randomBytes(24).toString('base64url')
  const secrets: Secrets = {
    postgresSuperuser: password(),
    postgresOwner: password(),
    postgresApp: password(),
    minioUser: `twinward-${randomBytes(4).toString('hex')}`,
    minioPassword: password(),
    mqttUser: 'twinward',
    mqttPassword: password(),
  }
  writePrivate(file, `${JSON.stringify(secrets, null, 2)}\n`)
  return secrets
}
