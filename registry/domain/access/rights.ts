import { refuse } from '../errors.ts'

export const roles = ['viewer', 'integrator', 'operator', 'ml-engineer', 'reliability-engineer', 'admin'] as const
export type Role = (typeof roles)[number]

/** Who acts: a person or a service, with the roles looked up now and the sites they may touch (`*` = every site). */
export interface Actor {
  readonly id: string
  readonly roles: readonly Role[]
  readonly sites: readonly string[] | '*'
}

/** The platform itself, where no person asked: the dispatcher, a schedule, a guard. Never counts as an approver. */
export const platformActor = (part: string): Actor => ({ id: `twinward:${part}`, roles: ['admin'], sites: '*' })

/** Deny by default: a verb is open to the roles named here and to nobody else. `admin` is named where it counts. */
const RIGHTS = {
  read: ['viewer', 'integrator', 'operator', 'ml-engineer', 'reliability-engineer', 'admin'],
  'site.write': ['admin'],
  'actor.write': ['admin'],
  'asset.write': ['integrator', 'reliability-engineer', 'admin'],
  'family.write': ['reliability-engineer', 'admin'],
  'reading.write': ['integrator', 'admin'],
  'gateway.recall': ['integrator', 'operator', 'ml-engineer', 'reliability-engineer', 'admin'],
  /** Make a token by which a box becomes a gateway of this site. */
  'gateway.enrol': ['integrator', 'admin'],
  /** Shutting out a box that is lost cannot wait for an admin. */
  'gateway.revoke': ['integrator', 'operator', 'reliability-engineer', 'admin'],
  'gateway-ca.write': ['admin'],
  /** Sign programs that gateways run, and have them run these. */
  'gateway.update': ['integrator', 'admin'],
  'maintenance.write': ['integrator', 'operator', 'reliability-engineer', 'admin'],
  'webhook.write': ['integrator', 'admin'],
  'feature-set.write': ['ml-engineer', 'admin'],
  'model.write': ['ml-engineer', 'admin'],
  'model.train': ['ml-engineer', 'integrator', 'admin'],
  'policy.write': ['ml-engineer', 'reliability-engineer', 'admin'],
  'release.write': ['ml-engineer', 'reliability-engineer', 'admin'],
  /** Give a release that is in force to a gateway, which then judges by it without the platform. */
  'release.export': ['integrator', 'ml-engineer', 'reliability-engineer', 'admin'],
  'gate.request': ['ml-engineer', 'reliability-engineer', 'admin'],
  /** Deciding needs this and whatever role the family's governance asks for; admin alone is not enough. */
  'gate.decide': ['ml-engineer', 'reliability-engineer', 'admin'],
  /** Comment, and decide for somebody who delegated to you. */
  'gate.take-part': ['operator', 'ml-engineer', 'reliability-engineer', 'admin'],
  'release.roll-back': ['ml-engineer', 'reliability-engineer', 'admin'],
  /** Stop a rollout, or say that its next stage may begin. */
  'rollout.steer': ['ml-engineer', 'reliability-engineer', 'admin'],
  'drift.check': ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  'alert.answer': ['operator', 'reliability-engineer', 'admin'],
  'label.review': ['reliability-engineer', 'admin'],
  /** Writes revisions of what machines are seen by; who owns a family, or makes its models, may. */
  'score.rescore': ['ml-engineer', 'reliability-engineer', 'admin'],
  /** Judges whether what is stored can be trusted: not for a service whose replay found the trouble, nor for who answers alerts. */
  'incident.answer': ['ml-engineer', 'reliability-engineer', 'admin'],
  'score.replay': ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  'operation.pause': ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  'operation.cancel': ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
} as const satisfies Record<string, readonly Role[]>

export type Right = keyof typeof RIGHTS
export const rights = Object.keys(RIGHTS) as readonly Right[]

/** Each right as a sentence about a person says it: they may not …. */
const PHRASES: Readonly<Record<Right, string>> = {
  read: 'look at data',
  'site.write': 'make or change sites',
  'actor.write': 'make people and services, give them roles or keys',
  'asset.write': 'register machines and tags',
  'family.write': 'make or change families',
  'reading.write': 'send readings in',
  'gateway.recall': 'recall readings from a gateway',
  'gateway.enrol': 'enrol gateways',
  'gateway.revoke': 'shut gateways out',
  'gateway-ca.write': 'see or exchange the authorities of gateways',
  'gateway.update': 'update gateways',
  'maintenance.write': 'record maintenance',
  'webhook.write': 'set up webhooks',
  'feature-set.write': 'register feature sets',
  'model.write': 'register models',
  'model.train': 'train models',
  'policy.write': 'propose alert policies',
  'release.write': 'make releases',
  'gate.request': 'ask for a release to be put in force, or for other rules',
  'gate.decide': 'decide at gates',
  'gate.take-part': 'take part in gates',
  'release.roll-back': 'roll a family back',
  'release.export': 'export releases to gateways',
  'rollout.steer': 'stop or advance rollouts',
  'drift.check': 'check for drift',
  'alert.answer': 'answer alerts',
  'label.review': 'review labels',
  'score.rescore': 'have windows judged anew',
  'incident.answer': 'answer incidents',
  'score.replay': 'replay scores',
  'operation.pause': 'pause or resume operations',
  'operation.cancel': 'cancel operations',
}

/** What a right allows, in words. */
export const phraseOf = (right: Right): string => PHRASES[right]

/** What these roles may do at the sites they cover. */
export const rightsOf = (held: readonly Role[]): Right[] => rights.filter((right) => held.some((role) => (RIGHTS[right] as readonly Role[]).includes(role)))

/** The roles that a right is granted to. */
export const rolesWith = (right: Right): readonly Role[] => RIGHTS[right]

export function may(actor: Actor, right: Right, site: string): boolean {
  const granted: readonly Role[] = RIGHTS[right]
  return (actor.sites === '*' || actor.sites.includes(site)) && actor.roles.some((role) => granted.includes(role))
}

/** Refuses (`forbidden`) unless the actor may; the message says what it was about, and who could grant it. */
export function demand(actor: Actor, right: Right, site: string): void {
  if (may(actor, right, site)) return
  refuse('forbidden', `${actor.id} may not ${PHRASES[right]} (${right}) at site ${site}: it takes one of the roles ${RIGHTS[right].join(', ')}; ask an admin.`, {
    right, site, roles: RIGHTS[right],
  })
}
