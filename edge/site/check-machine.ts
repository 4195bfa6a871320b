import { existsSync } from 'node:fs'
import path from 'node:path'
import { DomainError } from '../../registry/domain/errors.ts'
import { secretReferenceSchema, type SecretReader } from '../connectors/kind.ts'
import { isLoopback } from '../loopback.ts'
import type { Problem } from '../schema-problems.ts'
import type { SiteFile } from './site-file.ts'

/** What is no mistake of a site file, but would keep its gateway from doing its work on this machine, or show it to others. */
export async function checkMachine({ plan }: SiteFile, secret: SecretReader): Promise<readonly Problem[]> {
  const { password, identity } = plan.platform
  const problems = [...(password ? missingSecrets(password, ['platform', 'password'], secret) : []), ...missingSecrets(identity, ['platform', 'identity'], secret), ...missingSecrets(plan.alarms.to, ['alarms', 'to'], secret)]
  if (identity && !existsSync(path.join(plan.buffer.directory, 'identity', 'current.json'))) {
    problems.push({ path: ['platform', 'identity'], message: 'this box has no certificate yet; make a token on the platform (twinward gateways enrol) and run "twinward-edge enrol" with this file' })
  }
  if (plan.health && !isLoopback(plan.health.host)) {
    problems.push({ path: ['health', 'listen'], message: `${plan.health.host} can be reached from other machines, and health asks for no password; listen on 127.0.0.1, or let a firewall say who may ask` })
  }
  for (const [index, { kind, config }] of plan.sources.entries()) {
    const at = ['sources', index]
    const lacking = await kind.missingHere?.(config) ?? []
    problems.push(...missingSecrets(config, at, secret), ...lacking.map((problem) => ({ ...problem, path: [...at, ...problem.path] })))
  }
  return problems
}

/** Whatever in a config says where a secret is. */
function missingSecrets(value: unknown, path: readonly PropertyKey[], secret: SecretReader): Problem[] {
  if (typeof value !== 'object' || value === null) return []
  const reference = secretReferenceSchema.safeParse(value)
  if (!reference.success) return Object.entries(value).flatMap(([key, inner]) => missingSecrets(inner, [...path, key], secret))
  try {
    secret(reference.data)
    return []
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    return [{ path, message: error.message }]
  }
}
