import { readFileSync } from 'node:fs'
import path from 'node:path'
import { platformActor } from '../registry/domain/access/rights.ts'
import { FLEET_SITE } from '../registry/domain/contract/primitives.ts'
import { DomainError } from '../registry/domain/errors.ts'
import { authenticate } from '../registry/services/authenticate.ts'
import type { ServiceContext } from '../registry/services/context.ts'
import { createActor } from '../registry/services/create-actor.ts'
import { issueApiKey } from '../registry/services/issue-api-key.ts'
import { writePrivate } from './private-file.ts'

export const adminKeyFile = (dataDir: string): string => path.join(dataDir, 'admin-key')

const ADMIN = 'admin'

/**
 * The first way in: an admin for every site and a key in a file that only its owner may read. A file that is gone is
 * made anew, so whoever owns the data folder is never locked out. A key in it that no longer works is replaced only
 * when the database is a new one: somebody may have revoked it on purpose.
 */
export async function ensureAdminKey(ctx: ServiceContext, dataDir: string): Promise<{ file: string; outcome: 'kept' | 'made' | 'does-not-work' }> {
  const file = adminKeyFile(dataDir)
  const key = readKey(file)
  if (key !== undefined && await works(ctx, key)) return { file, outcome: 'kept' }
  const newcomer = await makeAdmin(ctx)
  if (key !== undefined && !newcomer) return { file, outcome: 'does-not-work' }
  const issued = await issueApiKey(ctx, platformActor('api'), {
    site: FLEET_SITE, actor: ADMIN, label: 'first key of this installation', expiresAt: null,
  })
  writePrivate(file, `${issued.key}\n`)
  return { file, outcome: 'made' }
}

function readKey(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function works(ctx: ServiceContext, key: string): Promise<boolean> {
  try {
    await authenticate(ctx, key)
    return true
  } catch (error) {
    if (error instanceof DomainError && error.code === 'unauthenticated') return false
    throw error
  }
}

/** True when there was none. */
async function makeAdmin(ctx: ServiceContext): Promise<boolean> {
  try {
    await createActor(ctx, platformActor('api'), { site: FLEET_SITE, id: ADMIN, name: 'Administrator', kind: 'person', roles: ['admin'] })
    return true
  } catch (error) {
    if (error instanceof DomainError && error.code === 'already_exists') return false
    throw error
  }
}
