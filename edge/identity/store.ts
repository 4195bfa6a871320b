import { readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import { givenCertificateSchema } from '../../registry/domain/contract/gateway-identity.ts'
import { refuse } from '../../registry/domain/errors.ts'
import { doorAddressSchema } from '../../registry/domain/identity/enrolment-token.ts'
import { isLeftOver, makeFolder, namesIn, putDurably } from '../put-durably.ts'
import { closeKey, keptKeySchema, openKey } from './key-box.ts'

const publicPart = { ...givenCertificateSchema.omit({ serverUs: true }).shape, door: doorAddressSchema }
const keptSchema = z.object({ version: z.literal(1), ...publicPart, key: keptKeySchema })
const waitingSchema = z.object({ version: z.literal(1), of: z.string(), key: keptKeySchema })

/** Who a gateway is: its certificate, the key of it, and where and whom it shows them to. */
export interface Identity extends Readonly<z.infer<z.ZodObject<typeof publicPart>>> {
  /** PEM. Never told to anybody. */
  readonly key: string
}

/** `current` is in use; `next` is a renewed one that has not proved itself yet. */
export type Stage = 'current' | 'next'

export interface IdentityStore {
  /** Null where there is none. Refuses (`invalid`) a damaged one, and as `openKey`. */
  read(stage: Stage): Identity | null
  /** On disk before it returns, whole or not at all. */
  put(stage: Stage, identity: Identity): void
  /** The next one takes the place of the current. */
  promote(): void
  drop(stage: Stage): void
  /** The key made for a purpose that has not come to its end: an answer may have been lost. */
  waitingKey(of: string): string | null
  putWaitingKey(of: string, key: string): void
}

/** A gateway's identity in a folder beside its buffer (0700, files 0600), its key under a passphrase where one is given. */
export function createIdentityStore(directory: string, passphrase: string | null): IdentityStore {
  const file = (name: string) => path.join(directory, `${name}.json`)

  function readJson<T>(name: string, schema: z.ZodType<T>): T | null {
    let text
    try {
      text = readFileSync(file(name), 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return null
      return refuse('invalid', `The gateway's identity ${file(name)} cannot be read (${code ?? 'unknown'}). Run this as the gateway's user.`)
    }
    const parsed = schema.safeParse(orNull((): unknown => JSON.parse(text)))
    // What does not fit is not shown: it may be a key.
    return parsed.success ? parsed.data : refuse('invalid', `The gateway's identity ${file(name)} is damaged: enrol this gateway again.`)
  }

  function write(name: string, document: unknown): void {
    makeFolder(directory)
    putDurably(file(name), Buffer.from(`${JSON.stringify(document)}\n`))
    for (const other of namesIn(directory)) if (isLeftOver(other)) rmSync(path.join(directory, other), { force: true })
  }

  const drop = (name: string) => { rmSync(file(name), { force: true }) }
  return {
    read(stage) {
      const kept = readJson(stage, keptSchema)
      if (kept === null) return null
      const { version: _version, key, ...rest } = kept
      return { ...rest, key: openKey(key, passphrase) }
    },
    put(stage, { key, ...rest }) {
      write(stage, { version: 1, ...rest, key: closeKey(key, passphrase) })
      drop('waiting')
    },
    promote() { renameSync(file('next'), file('current')) },
    drop,
    waitingKey(of) {
      const waiting = orNull(() => readJson('waiting', waitingSchema))
      return waiting?.of === of ? orNull(() => openKey(waiting.key, passphrase)) : null
    },
    putWaitingKey(of, key) { write('waiting', { version: 1, of, key: closeKey(key, passphrase) }) },
  }
}

function orNull<T>(work: () => T): T | null {
  try {
    return work()
  } catch {
    return null
  }
}
