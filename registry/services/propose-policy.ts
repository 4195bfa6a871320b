import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { policyDigest, policySchema, watchedFeature } from '../domain/policy/policy.ts'
import { recordAudit } from '../store/audit.ts'
import { getFamily } from '../store/families.ts'
import { newestFeatureSetNames } from '../store/feature-set-names.ts'
import { appendLedger } from '../store/ledger.ts'
import { announce } from '../store/outbox.ts'
import { insertPolicy } from '../store/policies.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const proposePolicyInput = z.object({ site: slugSchema, family: slugSchema, definition: policySchema })
export type ProposePolicyInput = z.infer<typeof proposePolicyInput>

export interface ProposedPolicy { readonly family: string; readonly name: string; readonly version: number; readonly digest: string; readonly made: boolean }

/**
 * Registers a version of a family's alert policy. It judges nothing yet: a release binds it, and a gate puts that in
 * force. The same definition again changes nothing. Refuses (`already_exists`) another definition under a registered
 * version, and (`unprocessable`) a rule that watches a feature nobody computes.
 */
export async function proposePolicy(ctx: ServiceContext, actor: Actor, input: ProposePolicyInput): Promise<ProposedPolicy> {
  return inSite(ctx.pool, input.site, (tx) => proposePolicyIn(tx, actor, input, ctx.nowUs()))
}

/** The same inside a transaction that does more. */
export async function proposePolicyIn(tx: Tx, actor: Actor, { site, family, definition }: ProposePolicyInput, nowUs: number): Promise<ProposedPolicy> {
  demand(actor, 'policy.write', site)
  const digest = policyDigest(definition)
  await getFamily(tx, site, family)
  const features = await newestFeatureSetNames(tx, site, family)
  const unknown = features && definition.rules.find((rule) => {
    const watched = watchedFeature(rule)
    return watched !== undefined && !features.includes(watched)
  })
  if (unknown) {
    refuse('unprocessable', `rule ${unknown.id} watches ${unknown.signal}, but the family's newest feature set has no such feature; it has ${features.slice(0, 20).join(', ')}`, {
      rule: unknown.id, signal: unknown.signal,
    })
  }
  const stored = await insertPolicy(tx, { site, family, version: definition.version, digest, definition, createdBy: actor.id })
  if (stored.digest !== digest) {
    refuse('already_exists', `version ${definition.version} of ${family}'s policy is registered with another definition; raise the version`, {
      version: definition.version, registered: stored.digest, given: digest,
    })
  }
  if (stored.made) {
    const subject = `policy/${family}/${definition.version}`
    const body = { family, name: definition.name, version: definition.version, digest }
    await recordAudit(tx, { actor, verb: 'propose-policy', subject, detail: body })
    await appendLedger(tx, { kind: 'policy.proposed', subject, actor, body })
    await announce(tx, { id: subject, type: 'policy.proposed', atUs: nowUs, data: { ...body, by: actor.id } })
  }
  return { family, name: definition.name, version: definition.version, digest, made: stored.made }
}
