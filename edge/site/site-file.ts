import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { canonicalDigest } from '../../registry/domain/canonical.ts'
import { refuse } from '../../registry/domain/errors.ts'
import type { AlarmRule } from '../alarms/rule.ts'
import { connectorKinds, type KindLoader } from '../connectors/index.ts'
import type { ConnectorKind, ConnectorTag } from '../connectors/kind.ts'
import { checkAgainst, suggest, type Problem } from '../schema-problems.ts'
import type { ShipRule } from '../ship-rule.ts'
import { tagMappingSchema, type TagMapping } from '../tag-map.ts'
import { readYaml } from '../yaml-document.ts'
import { readRules } from './alarm-rules.ts'
import { checkWrites } from './alarm-writes.ts'
import { checkTags } from './check-tags.ts'
import type { SitePlan, SourcePlan } from './plan.ts'
import { siteFileSchema, sourceHeadSchema, type ShipOfSite, type SiteHead } from './schema.ts'
import { readTags, type SiteTag } from './tags.ts'

/** A site file, checked: what the gateway runs by, and what the platform is to know of its machines. */
export interface SiteFile {
  readonly plan: SitePlan
  readonly site: SiteHead['site']
  readonly assets: SiteHead['assets']
  /** In the order of the file, each with the source it comes from. */
  readonly tags: readonly (SiteTag & { readonly source: string })[]
  /** What is to be said about places of the file, each with its line. */
  describe(problems: readonly Problem[]): string[]
}

export interface SiteFileOptions {
  /** MQTT_URL, MQTT_USERNAME and MQTT_PASSWORD stand in for what the file leaves out; STATE_DIRECTORY and LOGS_DIRECTORY are where relative paths begin, else the file's folder. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly folder?: string
  readonly kinds?: Readonly<Record<string, KindLoader>>
}

/** Reads a site file. Refuses (`not_found`) a missing one, and (`invalid`) one with mistakes: all of them, each with line and cure. */
export async function readSiteFile(file: string, options: SiteFileOptions = {}): Promise<SiteFile> {
  const text = await readFile(file, 'utf8').catch(() => refuse('not_found', `the site file ${file} cannot be read; check the path and who may read it`, { file }))
  return parseSiteFile(text, path.basename(file), { folder: path.dirname(path.resolve(file)), ...options })
}

/** As `readSiteFile`, from its text. */
export async function parseSiteFile(text: string, fileName: string, { env = {}, folder = process.cwd(), kinds = connectorKinds }: SiteFileOptions = {}): Promise<SiteFile> {
  const document = readYaml(text, fileName)
  const problems: Problem[] = []
  const { data: head, problems: headProblems } = checkAgainst(siteFileSchema, document.value)
  if (headProblems) problems.push(...headProblems)
  const parts = head ?? readableParts(document.value)
  const entries = parts.sources ?? []
  const sources: ReadSource[] = []
  for (const [index, entry] of entries.entries()) {
    const source = await readSource(entry, ['sources', index], parts, kinds, problems)
    sources.push(source)
  }
  refuseTwins(sources, problems)
  if (parts.alarms) problems.push(...checkWrites(parts.alarms, sources))
  const rules = parts.alarms && parts.templates ? readRules(parts.alarms, sources.flatMap(({ tags }) => tags), Object.keys(parts.templates), problems) : []
  const url = platformUrl(parts.platform, env)
  if (parts.platform && url === undefined) problems.push({ path: ['platform'], message: 'does not say where the platform\'s broker is; add mqtt: mqtt://HOST:1883, or identity: enrolled, or set MQTT_URL; a box without one says platform: none' })
  if (problems.length > 0 || !head || url === undefined) {
    const lines = document.describe(problems, 'site file')
    return refuse('invalid', lines.join('\n'), { file: fileName, problems: lines })
  }
  return {
    plan: planOf(head, { url, sources, rules }, env, folder), site: head.site, assets: head.assets,
    tags: sources.flatMap(({ id, tags }) => tags.map((tag) => ({ ...tag, source: id }))),
    describe: (said) => document.describe(said, 'site file'),
  }
}

/** Null: there is none. Undefined: nobody says. */
function platformUrl(platform: SiteHead['platform'] | undefined, env: Readonly<Record<string, string | undefined>>): string | null | undefined {
  if (platform !== undefined && 'none' in platform) return null
  return platform?.identity !== undefined ? '' : platform?.mqtt ?? env['MQTT_URL']
}

interface ReadSource {
  readonly id: string
  readonly at: readonly PropertyKey[]
  readonly kind: ConnectorKind | undefined
  readonly given: unknown
  readonly config: unknown
  readonly tags: readonly SiteTag[]
  readonly writable: readonly string[]
}

/** Of a file with mistakes, the parts that have none: what depends on them can be checked all the same. */
function readableParts(value: unknown): Partial<SiteHead> {
  const given: Readonly<Record<string, unknown>> = typeof value === 'object' && value !== null ? { ...value } : {}
  return Object.fromEntries(Object.entries(siteFileSchema.shape).flatMap(([key, schema]) => {
    const found = schema.safeParse(given[key])
    return found.success ? [[key, found.data]] : []
  }))
}

/** Of a source whose head has mistakes, what is none. */
function readableHead(entry: unknown): { id: string; type: string; tags: readonly unknown[] } & Record<string, unknown> {
  const { id, type, tags, ...rest }: Readonly<Record<string, unknown>> = typeof entry === 'object' && entry !== null && !Array.isArray(entry) ? { ...entry } : {}
  const text = (value: unknown) => (typeof value === 'string' ? value : '')
  return { ...rest, id: text(id), type: text(type), tags: Array.isArray(tags) ? tags as unknown[] : [] }
}

async function readSource(
  entry: unknown, at: readonly PropertyKey[], head: Partial<SiteHead>, kinds: Readonly<Record<string, KindLoader>>, problems: Problem[],
): Promise<ReadSource> {
  const within = (found: readonly Problem[]) => { problems.push(...found.map((problem) => ({ ...problem, path: [...at, ...problem.path] }))) }
  const { data, problems: found } = checkAgainst(sourceHeadSchema, entry)
  if (found) within(found)
  const { id, type, tags: tagEntries, writable, ...given } = data ?? { ...readableHead(entry), writable: [] }
  const kind = Object.hasOwn(kinds, type) ? await kinds[type]?.() : undefined
  if (!kind && type !== '') problems.push({ path: [...at, 'type'], message: `no connector is called "${type}"${suggest(type, Object.keys(kinds))}` })
  const config = kind && checkAgainst(kind.config, given)
  if (config?.problems) within(config.problems)
  const tags = readTags(tagEntries, [...at, 'tags'], head.templates, problems)
  if (kind?.checkConfig && config && !config.problems && head.templates) within(kind.checkConfig(config.data, tags))
  problems.push(...checkTags(tags, kind && config && !config.problems ? { kind, config: config.data } : undefined, head))
  return { id, at, kind, given, config: config?.data, tags, writable }
}

function refuseTwins(sources: readonly ReadSource[], problems: Problem[]): void {
  const ids = new Map<string, number>()
  const owners = new Map<string, string>()
  for (const [index, { id, at, tags }] of sources.entries()) {
    if (id !== '' && ids.has(id)) problems.push({ path: [...at, 'id'], message: `there are two sources "${id}"; give one of them another id` })
    ids.set(id, index)
    for (const { tag, path: place, like } of tags) {
      const owner = owners.get(tag)
      if (owner !== undefined) problems.push({ path: like === null ? [...place, 'tag'] : place, message: `the tag ${tag} is there already${owner === id ? '' : ` (source ${owner})`}; a tag has one source and one address` })
      owners.set(tag, id)
    }
  }
}

function planOf(head: SiteHead, { url, sources, rules }: { url: string | null; sources: readonly ReadSource[]; rules: readonly AlarmRule[] }, env: NonNullable<SiteFileOptions['env']>, folder: string): SitePlan {
  const { platform, buffer, outage, uplink, health, log, alarms, judge } = head
  const state = env['STATE_DIRECTORY']?.split(':')[0] ?? folder
  return {
    site: head.site.id, gateway: head.gateway,
    platform: platformOf(platform, url, env),
    buffer: {
      directory: path.resolve(state, buffer.directory), capBytes: buffer.cap, maxAgeMs: buffer.maxAge ?? null, whenFull: buffer.whenFull,
      keepRaw: buffer.keepRaw ? { ageMs: buffer.keepRaw.for, bytes: buffer.keepRaw.cap } : null,
    },
    outage: { first: outage.order === 'live-first' ? 'live' : 'oldest', lateAfterMs: outage.lateAfter },
    bandwidth: uplink.bandwidth ?? null,
    health: health === 'off' ? null : addressOf(health.listen),
    log: log ? { file: path.resolve(env['LOGS_DIRECTORY']?.split(':')[0] ?? state, log.file), maxBytes: log.maxSize, keep: log.keep } : null,
    alarms: { rules, to: alarms.to, keepMs: alarms.keep },
    judge: { keepMs: judge.keep },
    sources: sources.flatMap((source) => (source.kind ? [sourceOf(source, source.kind)] : [])),
  }
}

function platformOf(platform: SiteHead['platform'], url: string | null, env: Readonly<Record<string, string | undefined>>): SitePlan['platform'] {
  if ('none' in platform) return { url: null, username: null, password: null }
  const { identity, username = env['MQTT_USERNAME'] ?? null, password = env['MQTT_PASSWORD'] === undefined ? null : { env: 'MQTT_PASSWORD' } } = platform
  return identity === undefined ? { url, username, password } : { url, username: null, password: null, identity: { passphrase: identity === 'enrolled' ? null : identity.passphrase } }
}

function addressOf(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':')
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) }
}

function sourceOf({ id, given, config, tags: siteTags, writable }: ReadSource, kind: ConnectorKind): SourcePlan {
  const map = { version: 1 as const, tags: siteTags.map(mappingOf) }
  const tags = siteTags.map(({ address, tag, kind: shape = 'scalar', every, deadband }): ConnectorTag => ({ address, tag, kind: shape, everyMs: every ?? null, deadband: deadband ?? null }))
  return { id, kind, config, map, tags, writable, digest: canonicalDigest({ id, type: kind.type, given, map, tags }) }
}

function mappingOf({ address, tag, kind, unit = '1', canonicalUnit = unit, scale, offset, range, checks, ship, calibration }: SiteTag): TagMapping {
  const limits = {
    ...(range && { range }),
    ...(checks?.maxRate !== undefined && { maxRatePerSec: checks.maxRate }),
    ...(checks?.flatlineAfter !== undefined && { flatlineAfterSeconds: checks.flatlineAfter / 1000 }),
    ...(checks?.sampledEvery !== undefined && { everySeconds: checks.sampledEvery / 1000 }),
    ...(checks?.missingAfter !== undefined && { missingAfterSeconds: checks.missingAfter / 1000 }),
  }
  return tagMappingSchema.parse({
    address, tag, kind, unit, canonicalUnit, scale, offset,
    ...(Object.keys(limits).length > 0 && { checks: limits }),
    ...(ship !== undefined && ship !== 'all' && { ship: ruleOf(ship) }),
    ...(calibration && { calibrationDueUs: calibration.due }),
  })
}

function ruleOf(ship: Exclude<ShipOfSite, 'all'>): ShipRule {
  if ('onChange' in ship) {
    const { deadband, atLeastEvery } = ship.onChange
    return { onChange: { deadband, ...(atLeastEvery !== undefined && { atLeastEverySeconds: atLeastEvery / 1000 }) } }
  }
  if ('every' in ship) return { every: { seconds: ship.every / 1000 } }
  if ('aggregate' in ship) return { aggregate: { everySeconds: ship.aggregate.every / 1000, of: ship.aggregate.of } }
  const { before, after, ...event } = ship.around
  return { around: { ...event, beforeSeconds: before / 1000, afterSeconds: after / 1000 } }
}
