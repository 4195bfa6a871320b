import { readFileSync } from 'node:fs'
import path from 'node:path'
import { refuse } from '../../registry/domain/errors.ts'
import type { SecretReader } from '../connectors/kind.ts'

/**
 * Finds the text of secrets: environment variables, and files, whose relative paths begin in systemd's credentials
 * folder (`LoadCredential=`), else in the site file's own. Refuses (`not_found`) with the name of what is missing.
 */
export function createSecrets(env: Readonly<Record<string, string | undefined>>, folder: string): SecretReader {
  const credentials = env['CREDENTIALS_DIRECTORY']
  return (reference, part = 'line') => {
    if ('env' in reference) {
      const text = env[reference.env]
      return text === undefined || text === '' ? refuse('not_found', `the environment variable ${reference.env} is not set; set it to the secret the site file names`) : text
    }
    const places = [...(credentials === undefined ? [] : [path.resolve(credentials, reference.file)]), path.resolve(folder, reference.file)]
    for (const place of places) {
      const text = read(place, part)
      if (text !== undefined) return text
    }
    return refuse('not_found', `the secret ${reference.file} cannot be read or is empty (looked at ${places.join(' and ')}); put it there, readable by the gateway's user`)
  }
}

function read(file: string, part: 'line' | 'all'): string | undefined {
  try {
    const all = readFileSync(file, 'utf8')
    const text = part === 'all' ? all : all.split(/\r?\n/, 1)[0]
    return text === '' ? undefined : text
  } catch {
    return undefined
  }
}
