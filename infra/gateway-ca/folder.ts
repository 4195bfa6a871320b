import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { keyIdOf, makeAuthority, readIssuer, type Issuer } from './x509.ts'

const FILE = /^authority-(\d{1,6})\.pem$/
const LIFE_DAYS = 3_650

/** The platform's own authorities, oldest first: `gateway-ca/authority-<n>.pem` in the data folder, key and certificate in one file (0600), so that none is there by half. */
export function readAuthorities(dataDir: string): Issuer[] {
  const folder = path.join(dataDir, 'gateway-ca')
  return namesIn(folder).map((name) => {
    const file = path.join(folder, name)
    const pem = readFileSync(file, 'utf8')
    try {
      return readIssuer(block(pem, 'CERTIFICATE'), block(pem, 'PRIVATE KEY'))
    } catch (cause) {
      throw new Error(`${file} does not hold an authority and its key: restore it from a backup. Without it, gateways it enrolled have to be enrolled again.`, { cause })
    }
  })
}

/** The same; makes the first at the first start. */
export async function openAuthorities(dataDir: string, nowUs: number): Promise<Issuer[]> {
  const there = readAuthorities(dataDir)
  if (there.length > 0) return there
  await addAuthority(dataDir, nowUs, 1)
  return readAuthorities(dataDir)
}

/** Makes one more, which signs from then on. Says whether it was this process: of several at once, one does. */
export async function addAuthority(dataDir: string, nowUs: number, number = nextNumber(dataDir)): Promise<{ made: boolean; keyId: string }> {
  const folder = path.join(dataDir, 'gateway-ca')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const authority = await makeAuthority(`Twinward gateways ${number}`, nowUs, LIFE_DAYS)
  const file = path.join(folder, `authority-${number}.pem`)
  const beside = `${file}.${process.pid}`
  writeFileSync(beside, `${authority.certificate.toString()}${authority.key.export({ type: 'pkcs8', format: 'pem' }).toString()}`, { mode: 0o600, flush: true })
  try {
    // A link is refused where the name is taken: whoever came first has made it.
    linkSync(beside, file)
    return { made: true, keyId: keyIdOf(authority.certificate) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return { made: false, keyId: '' }
  } finally {
    rmSync(beside, { force: true })
  }
}

const numberOf = (name: string): number => Number(FILE.exec(name)?.[1] ?? 0)
const nextNumber = (dataDir: string): number => Math.max(0, ...namesIn(path.join(dataDir, 'gateway-ca')).map(numberOf)) + 1

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => FILE.test(name)).sort((a, b) => numberOf(a) - numberOf(b))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function block(pem: string, label: string): string {
  return new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(pem)?.[0] ?? ''
}
