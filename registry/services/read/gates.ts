import { demand, may, rolesWith, type Actor, type Role } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import type { GateState, ReviewState } from '../../domain/gates/gate.ts'
import { countingApprovals, missingForApproval, rulesText, wantedText, type Missing } from '../../domain/gates/quorum.ts'
import { canDeclare, decidingFor } from '../../domain/gates/standing.ts'
import type { GateKind } from '../../domain/governance/family.ts'
import { rolloutPlanSchema, type RolloutPlan } from '../../domain/rollout/plan.ts'
import { runsAt } from '../../store/delegations.ts'
import { partsOf, toMachine, type DecisionStage, type GateParts, type MessageKind } from '../../store/gate-parts.ts'
import { gateColumns, toGateRow, type GateColumns } from '../../store/gates.ts'
import { usToTimestamp } from '../../store/sql-time.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { evidenceAge, type EvidenceAge } from './evidence-age.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { ofSite } from './rows.ts'

interface Said { readonly by: string; readonly onBehalfOf: string | null; readonly text: string; readonly at: string }

export interface GateView {
  readonly id: string
  readonly site: string
  readonly family: string
  readonly kind: GateKind
  /** What is proposed, in words: the release, or the version of the governance. */
  readonly subject: string
  readonly release: string | null
  readonly replaces: string | null
  readonly role: string | null
  readonly governanceVersion: number | null
  readonly scope: string
  /** How it comes into force once approved; null: at once. */
  readonly rollout: RolloutPlan | null
  readonly state: GateState | 'collecting'
  readonly reason: string
  readonly requestedBy: string
  readonly author: string
  readonly authors: readonly string[]
  readonly requestedAt: string
  readonly expiresAt: string
  readonly closedAt: string | null
  readonly closedBecause: string | null
  readonly evidenceDigest: string | null
  readonly requiredApprovals: number
  readonly approvals: number
  /** "1 of 2: reliability-engineer still wanted"; of an emergency, what its review still wants. */
  readonly wanted: string
  /** Null when nothing is missing, or nothing more can be decided. */
  readonly missing: Missing | null
  /** Asked for and not answered: until then nothing is approved. */
  readonly changesAsked: readonly { readonly by: string; readonly text: string; readonly at: string }[]
  /** Steps of the escalation that were told. */
  readonly escalatedTo: readonly string[]
  /** Approved by one person alone, and what came of its review. */
  readonly emergency: {
    readonly by: string; readonly reason: string; readonly at: string
    readonly review: { readonly state: ReviewState; readonly due: string; readonly overdue: boolean; readonly endedAt: string | null; readonly because: string | null }
  } | null
  /** The reader could decide it, or review it, in their own name or in that of somebody who delegated to them. */
  readonly waitingForMe: boolean
}

export interface GateDetail extends GateView {
  readonly workflowId: string
  readonly evidence: unknown
  readonly evidenceCommit: number | null
  readonly evidenceAge: EvidenceAge | null
  readonly rules: unknown
  /** The rules in words. */
  readonly asks: string
  readonly decisions: readonly {
    readonly actor: string; readonly onBehalfOf: string | null; readonly roles: readonly Role[]; readonly stage: DecisionStage
    readonly verdict: 'approve' | 'reject'; readonly comment: string; readonly at: string
  }[]
  readonly reviewers: readonly { readonly actor: string; readonly required: boolean; readonly addedBy: string; readonly at: string }[]
  readonly thread: readonly (Said & { readonly kind: MessageKind })[]
  /** In whose names the reader could decide here, their own first. */
  readonly deciding: readonly string[]
  readonly mayDeclareEmergency: boolean
}

interface Row extends GateColumns {
  release_id: string | null; replaces_id: string | null; owner_id: string | null; workflow_id: string; parts: GateParts
  /** Of one gate alone: a page needs none. */
  evidence?: unknown
  /** Those who delegated to the reader for the gate's family, as they stand now. */
  delegators: { id: string; roles: Role[] }[]
}

/** $1 is the reader, $2 now. */
const COLUMNS = `${gateColumns}, r.release_id, o.release_id as replaces_id, f.owner_id, g.workflow_id, ${partsOf} as parts,
  (select coalesce(jsonb_agg(jsonb_build_object('id', p.actor_id, 'roles', p.roles)), '[]') from delegating p
    where p.site_id = g.site_id and (p.family_id is null or p.family_id = g.family_id)) as delegators`
const FROM = `from gate g
  left join release r on r.release_ref = g.release_ref
  left join release o on o.release_ref = g.replaces_release_ref
  left join family f on f.site_id = g.site_id and f.family_id = g.family_id`
/** Those for whom the reader may decide: their delegation runs, and they are active. */
const WITH = `with delegating as (select distinct d.site_id, d.family_id, p.actor_id, p.roles from delegation d
  cross join lateral (select a.actor_id, a.roles, a.disabled_at from actor a where a.actor_id = d.delegator_id and a.site_id in (d.site_id, '_fleet')
    order by a.site_id = d.site_id desc limit 1) as p
  where d.delegate_id = $1 and ${runsAt('$2')} and p.disabled_at is null)`
/** SQL: one of a person's roles decides at gates, and either the gate asks for one they have or their own approval is wanted. */
const entitled = (roles: string, person: string) => `${roles} && $3::text[]
  and (exists (select 1 from jsonb_array_elements_text(g.rules->'roles') as asked(name) where asked.name = any(${roles}))
    or exists (select 1 from gate_reviewer v where v.gate_id = g.gate_id and v.required and v.actor_id = ${person}))`
/** SQL: a person made no part of what is proposed, and has not decided, nor anybody for them. */
const impartial = (person: string) => `g.requested_by <> ${person} and not ${person} = any(g.authors)
  and not exists (select 1 from gate_decision d where d.gate_id = g.gate_id and ${person} in (d.actor_id, d.on_behalf_of))`
/**
 * The same that `waitingForMe` says of a gate by the machine, so that a page of what waits is a page; a test holds the two
 * together. $3 are the roles that decide at gates, $4 the reader's, $5 whether they take part in gates at all.
 */
const WAITS = `$5::boolean and ((g.state = 'open' and g.expires_at > ${usToTimestamp('$2')}) or g.review_state = 'due') and ${impartial('$1')}
  and ((${entitled('$4::text[]', '$1')})
    or exists (select 1 from delegating p where p.site_id = g.site_id and (p.family_id is null or p.family_id = g.family_id)
      and ${impartial('p.actor_id')} and ${entitled('p.roles', 'p.actor_id')}))`

export interface GatesInput extends PageInput {
  readonly site: string
  readonly state?: GateView['state'] | undefined
  readonly review?: ReviewState | undefined
  /** Only those in which something is still to be done: they collect, are open, or an emergency waits for its review. */
  readonly unsettled?: boolean | undefined
  readonly family?: string | undefined
  readonly waitingForMe?: boolean | undefined
}

/** Gates, newest first. `site` may be `*`. */
export async function listGates(ctx: ServiceContext, actor: Actor, input: GatesInput): Promise<Page<GateView>> {
  demand(actor, 'read', input.site)
  const nowUs = ctx.nowUs()
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `${WITH} select ${COLUMNS} ${FROM}
     where ${ofSite(tx, 'g.site_id')} and ($6::text is null or g.state = $6) and ($7::text is null or g.family_id = $7)
       and (not $8::boolean or (${WAITS})) and ($9::text is null or g.review_state = $9)
       and (not $10::boolean or g.state in ('collecting', 'open') or g.review_state = 'due')
       and ($11::bigint is null or (g.requested_at, g.gate_id) < (${usToTimestamp('$11')}, $12::uuid))
     order by g.requested_at desc, g.gate_id desc limit $13`,
    [actor.id, nowUs, rolesWith('gate.decide'), actor.roles, may(actor, 'gate.take-part', input.site), input.state ?? null, input.family ?? null, input.waitingForMe ?? false,
      input.review ?? null, input.unsettled ?? false, beforeUs, beforeId, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row) => viewOf(row, actor, nowUs), (row) => [Number(row.requested_us), row.gate_id])
}

/** One gate with its evidence, who decided what, and what was said. Refuses (`not_found`). */
export async function getGate(ctx: ServiceContext, actor: Actor, input: { site: string; gate: string }): Promise<GateDetail> {
  demand(actor, 'read', input.site)
  const nowUs = ctx.nowUs()
  const [row, age] = await inSite(ctx.pool, input.site, async (tx) => [await readRow(tx, actor, input.gate, nowUs), await evidenceAge(tx, input.gate, nowUs)] as const)
  if (row === undefined) return refuse('not_found', `there is no gate ${input.gate}; GET /v1/gates lists them`, { gate: input.gate })
  const { machine, me, deciding } = standingOf(row, actor, nowUs)
  const { decisions, messages, reviewers } = row.parts
  return {
    ...viewOf(row, actor, nowUs), workflowId: row.workflow_id, evidence: row.evidence ?? null,
    evidenceCommit: row.evidence_commit === null ? null : Number(row.evidence_commit), evidenceAge: age, rules: machine.rules, asks: rulesText(machine),
    decisions: decisions.map(({ by, onBehalfOf, roles, stage, verdict, comment, atUs }) => ({ actor: by, onBehalfOf, roles, stage, verdict, comment, at: microsToIso(atUs) })),
    reviewers: reviewers.map(({ id, required, addedBy, atUs }) => ({ actor: id, required, addedBy, at: microsToIso(atUs) })),
    thread: messages.map(({ kind, by, onBehalfOf, text, atUs }) => ({ kind, by, onBehalfOf, text, at: microsToIso(atUs) })),
    deciding, mayDeclareEmergency: row.state === 'open' && may(actor, 'gate.take-part', row.site_id) && canDeclare(machine, me, nowUs),
  }
}

async function readRow(tx: Tx, actor: Actor, gate: string, nowUs: number): Promise<Row | undefined> {
  const { rows } = await tx.query<Row>(
    `${WITH} select ${COLUMNS}, g.evidence ${FROM} where ${ofSite(tx, 'g.site_id')} and g.gate_id = $3`, [actor.id, nowUs, gate])
  return rows[0]
}

/** The gate as the machine sees it, and in whose names the reader could decide there. */
function standingOf(row: Row, actor: Actor, nowUs: number) {
  const machine = toMachine(toGateRow(row), row.parts, row.owner_id === null ? [] : [row.owner_id])
  const decides = (who: Actor) => ({ id: who.id, roles: who.roles, mayDecide: may(who, 'gate.decide', row.site_id) })
  const me = decides(actor)
  const delegators = row.delegators.map(({ id, roles }) => decides({ id, roles, sites: [row.site_id] }))
  const deciding = row.state === 'collecting' || !may(actor, 'gate.take-part', row.site_id) ? [] : decidingFor(machine, me, delegators, nowUs)
  return { machine, me, deciding }
}

function viewOf(row: Row, actor: Actor, nowUs: number): GateView {
  const { machine, deciding } = standingOf(row, actor, nowUs)
  const { emergency, review, questions } = machine
  const undecided = row.state === 'open' || review?.state === 'due'
  return {
    id: row.gate_id, site: row.site_id, family: row.family_id, kind: row.kind,
    subject: row.release_id ?? `governance of ${row.family_id}, version ${row.governance_version ?? 0}`, release: row.release_id,
    replaces: row.replaces_id ?? (row.replaces_governance_version === null ? null : `version ${row.replaces_governance_version}`), role: row.role, governanceVersion: row.governance_version,
    scope: `${row.scope_kind}:${row.scope_id}`, rollout: row.rollout === null ? null : rolloutPlanSchema.parse(row.rollout), state: row.state, reason: row.reason, requestedBy: row.requested_by,
    author: row.authors[0] ?? row.requested_by, authors: row.authors, requestedAt: microsToIso(Number(row.requested_us)), expiresAt: microsToIso(Number(row.expires_us)),
    closedAt: row.closed_us === null ? null : microsToIso(Number(row.closed_us)), closedBecause: row.closed_because, evidenceDigest: row.evidence_digest,
    requiredApprovals: machine.rules.requiredApprovals, approvals: countingApprovals(machine).length,
    wanted: wantedText(machine), missing: undecided ? missingForApproval(machine) : null,
    changesAsked: row.state === 'open' ? questions.map(({ by, text, atUs }) => ({ by, text, at: microsToIso(atUs) })) : [],
    escalatedTo: machine.rules.escalation.slice(0, row.escalation_level).map(({ to }) => to),
    emergency: emergency && review ? {
      by: emergency.by, reason: emergency.reason, at: microsToIso(emergency.atUs),
      review: {
        state: review.state, due: microsToIso(review.dueUs), overdue: review.state === 'due' && nowUs >= review.dueUs,
        endedAt: review.endedUs === undefined ? null : microsToIso(review.endedUs), because: review.because ?? null,
      },
    } : null,
    waitingForMe: deciding.length > 0,
  }
}
