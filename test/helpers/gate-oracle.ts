import fc from 'fast-check'
import type { Role } from '../../registry/domain/access/rights.ts'
import { gateRulesSchema, type GateRules } from '../../registry/domain/gates/rules.ts'

/*
 * What a gate may and must do, said a second time and in another way than the machine says it: a log of what was accepted,
 * from which everything is worked out anew each time. Tests hold the machine and the services to it.
 */
export const SECOND = 1_000_000
export const RIGHT = 'a'.repeat(64)
export const WRONG = 'b'.repeat(64)
export const EXPIRES_S = 1000

/** Everybody who appears, with the roles they begin with; req asked, author made it, olga owns the family. */
export const cast: Record<string, Role[]> = {
  req: ['ml-engineer', 'reliability-engineer'], author: ['reliability-engineer'], olga: ['reliability-engineer'], ann: ['reliability-engineer'],
  bob: ['reliability-engineer'], max: ['reliability-engineer', 'ml-engineer'], cy: ['ml-engineer'], otto: ['operator'],
}
const makers = ['req', 'author']
const owner = 'olga'
const names = Object.keys(cast)

export type Act =
  | { kind: 'approve' | 'reject' | 'confirm' | 'overturn'; by: string; onBehalfOf: string | null; digest: string }
  | { kind: 'emergency'; by: string; digest: string }
  | { kind: 'ask'; by: string; onBehalfOf: string | null; text: string }
  | { kind: 'answer'; by: string; text: string }
  | { kind: 'add-reviewer'; by: string; reviewer: string; required: boolean }
  | { kind: 'withdraw'; by: string }
  /** Something else is put where the gate would put its release. */
  | { kind: 'overtake' }
  | { kind: 'later'; seconds: number }
  | { kind: 'roles'; who: string; roles: Role[] }
  | { kind: 'delegate'; from: string; to: string; seconds: number }
  | { kind: 'revoke'; from: string; to: string }
/** Before: the transaction is abandoned. After: it is committed, and nobody learns of it. Both are tried again. */
export type Crash = 'none' | 'before' | 'after'
export interface Play { readonly act: Act; readonly crash: Crash }

const person = fc.constantFrom(...names)
const forWhom = fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: person })
const digest = fc.oneof({ weight: 9, arbitrary: fc.constant(RIGHT) }, { weight: 1, arbitrary: fc.constant(WRONG) })
const decision = <K extends 'approve' | 'reject' | 'confirm' | 'overturn'>(kind: K) => fc.record({ kind: fc.constant(kind), by: person, onBehalfOf: forWhom, digest })
/** Few, so that somebody often decides for one who did delegate to them. */
const away = fc.constantFrom('req', 'olga', 'ann', 'bob')
const standIn = fc.constantFrom('otto', 'cy', 'max')
const inTheirPlace = fc.record({ kind: fc.constantFrom('approve' as const, 'approve' as const, 'confirm' as const), by: standIn, onBehalfOf: away, digest })
/** Whose role the rules seldom ask for: named as a reviewer, they decide all the same, until they lose the right. */
const named = fc.oneof({ weight: 2, arbitrary: fc.constant('cy') }, { weight: 1, arbitrary: person })
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('approve' as const, 'confirm' as const), by: named, onBehalfOf: fc.constant(null), digest }) },
  { weight: 12, arbitrary: decision('approve') },
  { weight: 5, arbitrary: decision('confirm') },
  { weight: 6, arbitrary: inTheirPlace },
  { weight: 1, arbitrary: decision('reject') },
  { weight: 1, arbitrary: decision('overturn') },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('emergency' as const), by: person, digest }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('ask' as const), by: person, onBehalfOf: forWhom, text: fc.constantFrom('why', 'how') }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('answer' as const), by: fc.constantFrom('req', 'req', 'req', 'ann'), text: fc.constantFrom('so', 'thus') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('add-reviewer' as const), by: fc.oneof(fc.constant('req'), person), reviewer: named, required: fc.oneof(fc.constant(true), fc.boolean()) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), by: person }) },
  { weight: 1, arbitrary: fc.constant<Act>({ kind: 'overtake' }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('later' as const), seconds: fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 1, max: 60 }) }, { weight: 1, arbitrary: fc.integer({ min: 300, max: EXPIRES_S }) }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('roles' as const), who: named, roles: fc.oneof(fc.constant<Role[]>(['operator']), fc.subarray<Role>(['reliability-engineer', 'ml-engineer', 'operator', 'viewer'])) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('delegate' as const), from: away, to: standIn, seconds: fc.integer({ min: 1, max: 200 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke' as const), from: away, to: standIn }) },
)
const crash = fc.oneof({ weight: 4, arbitrary: fc.constant<Crash>('none') }, { weight: 1, arbitrary: fc.constantFrom<Crash>('before', 'after') })
export const plays = (most: number): fc.Arbitrary<Play[]> => fc.array(fc.record({ act, crash }), { minLength: 4, maxLength: most })

export const rulesArbitrary: fc.Arbitrary<GateRules> = fc.record({
  requiredApprovals: fc.integer({ min: 1, max: 3 }), each: fc.boolean(), ownerMustApprove: fc.boolean(), emergency: fc.boolean(),
}).map(({ requiredApprovals, each, ownerMustApprove, emergency }) => gateRulesSchema.parse({
  requiredApprovals: each ? Math.max(2, requiredApprovals) : requiredApprovals, roles: each ? ['reliability-engineer', 'ml-engineer'] : ['reliability-engineer'],
  perRole: each ? { 'reliability-engineer': 1, 'ml-engineer': 1 } : {}, ownerMustApprove,
  emergency: emergency ? { roles: ['reliability-engineer'], reviewWithinSeconds: 100 } : null, remindEverySeconds: null, expiresAtUs: EXPIRES_S * SECOND,
}))

/** Who is who by now; the test changes it, the machine and the services look it up. */
export interface World {
  nowUs: number
  readonly roles: Map<string, Role[]>
  readonly delegations: { from: string; to: string; endsUs: number; revoked: boolean }[]
}
export const newWorld = (): World => ({ nowUs: 0, roles: new Map(Object.entries(cast)), delegations: [] })

export const decides = (roles: readonly Role[]): boolean => roles.some((role) => ['ml-engineer', 'reliability-engineer', 'admin'].includes(role))
export const takesPart = (roles: readonly Role[]): boolean => decides(roles) || roles.includes('operator')
export const rolesOf = (world: World, who: string): Role[] => world.roles.get(who) ?? []
export const delegatorsOf = (world: World, to: string): string[] =>
  [...new Set(world.delegations.filter((d) => d.to === to && !d.revoked && world.nowUs < d.endsUs).map(({ from }) => from))].sort()

interface Entry { kind: 'approve' | 'reject' | 'emergency' | 'confirm' | 'overturn' | 'ask' | 'answer' | 'withdraw' | 'void' | 'expire'; by: string; whose: string; roles: Role[]; text: string }

/** What became of an act: accepted anew, accepted as a repeat, or refused. */
export type Verdict = 'new' | 'again' | 'refused'

export function createOracle(rules: GateRules, world: World) {
  const log: Entry[] = []
  const reviewers = new Map<string, boolean>()
  const of = (...kinds: Entry['kind'][]) => log.filter(({ kind }) => kinds.includes(kind))
  const asked = () => log.slice(log.findLastIndex(({ kind }) => kind === 'answer') + 1).filter(({ kind }) => kind === 'ask')
  const alone = () => of('emergency')[0]?.by

  /** By trying every way to seat people, where the machine searches for one. */
  function enough(): boolean {
    const approvals = of('approve', 'confirm')
    const counting = approvals.filter((a) => a.roles.some((role) => rules.roles.includes(role)) && a.by !== alone() && a.whose !== alone())
    const seated = (at: number, left: Record<string, number>): boolean => {
      if (Object.values(left).every((n) => n === 0)) return true
      const approval = counting[at]
      if (!approval) return false
      return seated(at + 1, left) || approval.roles.some((role) => (left[role] ?? 0) > 0 && seated(at + 1, { ...left, [role]: left[role]! - 1 }))
    }
    return counting.length >= rules.requiredApprovals && seated(0, { ...rules.perRole })
      && (!rules.ownerMustApprove || alone() === owner || counting.some(({ whose }) => whose === owner))
      && [...reviewers].every(([who, required]) => !required || who === alone() || approvals.some(({ whose }) => whose === who))
  }

  function state(): 'open' | 'approved' | 'rejected' | 'expired' | 'withdrawn' | 'voided' {
    for (const { kind } of log) {
      if (kind === 'reject') return 'rejected'
      if (kind === 'withdraw') return 'withdrawn'
      if (kind === 'void') return 'voided'
      if (kind === 'expire') return 'expired'
      if (kind === 'emergency') return 'approved'
    }
    return log.at(-1)?.kind === 'approve' && enough() || passed ? 'approved' : 'open'
  }
  /** Approved once is approved for good: what comes later (a reviewer) changes nothing. */
  let passed = false
  let sealed: 'confirmed' | null = null
  const review = () => (alone() === undefined ? null : of('overturn').length > 0 ? 'rejected' : sealed ?? 'due')

  // Being named takes the place of a role the rules ask for, never of the right to decide at all, which is looked up each time:
  // `roles` are none where that was lost.
  const has = (roles: readonly Role[], whose: string) => roles.some((role) => rules.roles.includes(role)) || (reviewers.get(whose) === true && decides(roles))
  const grants = (who: string) => (decides(rolesOf(world, who)) ? rolesOf(world, who) : [])
  /** Whose decision it would be, with their roles; null where nobody's. */
  function voice(by: string, onBehalfOf: string | null): { whose: string; roles: Role[] } | null {
    if (!takesPart(rolesOf(world, by))) return null
    if (onBehalfOf === by) return { whose: by, roles: grants(by) }
    if (onBehalfOf !== null) return delegatorsOf(world, by).includes(onBehalfOf) ? { whose: onBehalfOf, roles: grants(onBehalfOf) } : null
    if (decides(rolesOf(world, by)) && has(grants(by), by)) return { whose: by, roles: grants(by) }
    const usable = delegatorsOf(world, by).filter((from) => decides(rolesOf(world, from)) && has(grants(from), from) && !makers.includes(from))
    return usable.length > 1 ? null : usable[0] === undefined ? { whose: by, roles: grants(by) } : { whose: usable[0], roles: grants(usable[0]) }
  }
  const entitled = (by: string, v: { whose: string; roles: Role[] } | null) =>
    v !== null && !makers.includes(by) && !makers.includes(v.whose) && has(v.roles, v.whose)
  const counted = (who: string) => of('approve', 'confirm').some(({ by, whose }) => by === who || whose === who)
  const spoken = (by: string, onBehalfOf: string | null) => of('approve', 'confirm').find((a) => a.by === by && (onBehalfOf === null || onBehalfOf === a.whose))
  const alive = () => state() === 'open' && world.nowUs < rules.expiresAtUs

  function judge(given: Act): Verdict {
    const write = (kind: Entry['kind'], by: string, v: { whose: string; roles: Role[] } = { whose: by, roles: [] }, text = ''): Verdict => {
      log.push({ kind, by, whose: v.whose, roles: [...v.roles], text })
      if (kind === 'approve' && enough()) passed = true
      if ((kind === 'confirm' || kind === 'emergency') && enough()) sealed = 'confirmed'
      return 'new'
    }
    switch (given.kind) {
      case 'approve': case 'confirm': {
        const before = spoken(given.by, given.onBehalfOf)
        const standing = given.kind === 'approve' ? state() === 'open' || state() === 'approved' : review() === 'due' || review() === 'confirmed'
        if (before && given.digest === RIGHT) return standing ? 'again' : 'refused'
        const v = voice(given.by, given.onBehalfOf)
        const time = given.kind === 'approve' ? alive() && asked().length === 0 : review() === 'due' && given.by !== alone() && v?.whose !== alone()
        return time && entitled(given.by, v) && given.digest === RIGHT && !counted(given.by) && !counted(v!.whose) ? write(given.kind, given.by, v!) : 'refused'
      }
      case 'reject': case 'overturn': {
        const before = of(given.kind)[0]
        // Whoever repeats a rejection is answered; with what voice they speak now does not matter, as long as it is one.
        if (before?.by === given.by && given.digest === RIGHT) {
          return given.onBehalfOf === null || given.onBehalfOf === before.whose || voice(given.by, given.onBehalfOf) !== null ? 'again' : 'refused'
        }
        const v = voice(given.by, given.onBehalfOf)
        const time = given.kind === 'reject' ? alive() : review() === 'due' && given.by !== alone() && v?.whose !== alone()
        return time && entitled(given.by, v) && given.digest === RIGHT && !counted(given.by) && !counted(v!.whose) ? write(given.kind, given.by, v!) : 'refused'
      }
      case 'emergency': {
        const roles = grants(given.by)
        if (alone() === given.by && given.digest === RIGHT) return decides(rolesOf(world, given.by)) ? 'again' : 'refused'
        return alive() && rules.emergency !== null && asked().length === 0 && !makers.includes(given.by) && given.digest === RIGHT
          && roles.some((role) => rules.emergency!.roles.includes(role)) ? write('emergency', given.by, { whose: given.by, roles }) : 'refused'
      }
      case 'ask': {
        const v = voice(given.by, given.onBehalfOf)
        if (v === null) return 'refused'
        if (state() === 'open' && asked().some(({ by, text }) => by === given.by && text === given.text)) return 'again'
        return alive() && entitled(given.by, v) ? write('ask', given.by, v, given.text) : 'refused'
      }
      case 'answer': {
        if (!decides(rolesOf(world, given.by))) return 'refused'
        const last = of('answer').at(-1)
        if (given.by === 'req' && state() === 'open' && asked().length === 0 && last?.text === given.text) return 'again'
        return given.by === 'req' && alive() && asked().length > 0 ? write('answer', given.by, undefined, given.text) : 'refused'
      }
      case 'add-reviewer': {
        const { reviewer, required } = given
        const able = required ? decides(rolesOf(world, reviewer)) : rolesOf(world, reviewer).length > 0
        const v = voice(given.by, null)
        if (!able || !takesPart(rolesOf(world, given.by)) || (given.by !== 'req' && v === null)) return 'refused'
        if (reviewers.has(reviewer) && (reviewers.get(reviewer) === true || !required)) return 'again'
        if (!alive() || (given.by !== 'req' && !entitled(given.by, v)) || (required && makers.includes(reviewer))) return 'refused'
        reviewers.set(reviewer, required)
        return 'new'
      }
      case 'withdraw':
        if (given.by === 'req' && state() === 'withdrawn') return decides(rolesOf(world, 'req')) ? 'again' : 'refused'
        return given.by === 'req' && decides(rolesOf(world, 'req')) && alive() ? write('withdraw', 'req') : 'refused'
      case 'overtake':
        return state() === 'open' ? write('void', '') : 'again'
      default:
        return 'again'
    }
  }

  return {
    judge, state, review, log,
    /** The clock strikes: a gate whose time has come is over. */
    tick() { if (state() === 'open' && world.nowUs >= rules.expiresAtUs) log.push({ kind: 'expire', by: '', whose: '', roles: [], text: '' }) },
  }
}
export type Oracle = ReturnType<typeof createOracle>

/** What changes the world and not the gate. */
export function turn(world: World, given: Act): void {
  if (given.kind === 'later') world.nowUs += given.seconds * SECOND
  if (given.kind === 'roles') world.roles.set(given.who, given.roles)
  if (given.kind === 'delegate' && given.from !== given.to) world.delegations.push({ from: given.from, to: given.to, endsUs: world.nowUs + given.seconds * SECOND, revoked: false })
  if (given.kind === 'revoke') for (const d of world.delegations) if (d.from === given.from && d.to === given.to) d.revoked = true
}
