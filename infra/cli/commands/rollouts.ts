import { randomUUID } from 'node:crypto'
import { InvalidArgumentError, type Command } from 'commander'
import { counted } from '../../../registry/domain/counted.ts'
import type { Open } from '../context.ts'
import { CliError } from '../errors.ts'
import { limitOption, machines, readJsonFile, scopeOption, span, type Scope } from '../options.ts'
import { siteColumns } from '../print.ts'

interface Rollout {
  id: string; release: string; former: string | null; state: string; stage: string; stages: string[]; stageSince: string; stageThrough: string; minWindows: number; ready: boolean; endedBecause: string | null
}
interface Reading { text: string; tripped: boolean; value: number | null }
interface RolloutDetail extends Rollout {
  plan: { canary: { assets: string[] } | null; advance: string }
  checks: { stage: string; at: string; windows: number; readings: Reading[] }[]
}
interface Steered { state: string; stage: string; back: { release: string } | null; rescore: string | null; repeated: boolean }

interface PromoteOptions {
  reason: string; scope?: Scope; insteadOf?: string; shadow?: number; canary?: number; slice?: Slice; watch?: number; windows?: number; manual?: boolean; checkEvery?: number; guards?: string; rescore?: boolean
}

const address = (rollout: string, verb = '') => `/v1/rollouts/${encodeURIComponent(rollout)}${verb}`

export function addRolloutCommands(program: Command, open: Open): void {
  program.command('promote <release>').description('ask for a release to be put in force: at once, or step by step (shadow, canary, champion), watched by guards')
    .requiredOption('--reason <text>', 'why; the approvers see it').addOption(scopeOption())
    .option('--instead-of <gate>', 'a waiting request of yours that this one takes the place of: it is withdrawn')
    .option('--shadow <span>', 'first let it score beside the champion for so long, e.g. 2d', span)
    .option('--canary <span>', 'then let it judge the machines of --slice for so long', span).option('--slice <slice>', 'a share (20%), picked evenly over criticalities, or machines (pump-1,pump-2)', slice)
    .option('--watch <span>', 'watch it for so long once it judges all', span).option('--windows <n>', 'so many windows scored in each stage before it goes on or ends', Number)
    .option('--manual', 'each next stage begins when somebody says so (twinward rollouts advance)').option('--check-every <span>', 'how often the guards look (default: 5m)', span)
    .option('--guards <file>', 'JSON with guards to be set otherwise, or off (null)')
    .option('--rescore', 'when it is taken back, have what it judged judged anew')
    .action(async (release: string, options: PromoteOptions, command: Command) => {
      const { api, print, site } = await open(command)
      const rollout = await rolloutOf(options)
      const answer = await api.post<{ gate: string; kind: string; expiresAt: string; replaces: string | null }>('/v1/gates', {
        release, reason: options.reason, ...(options.scope !== undefined && { scope: options.scope }), ...(options.insteadOf !== undefined && { insteadOf: options.insteadOf }), ...(rollout && { rollout }),
      }, { site })
      print.line(`${release} waits for approval (${answer.kind}${answer.replaces === null ? '' : `, instead of ${answer.replaces}`}) until ${answer.expiresAt}: twinward gates show ${answer.gate}`)
      if (rollout) print.line(`Once approved it comes into force step by step: twinward rollouts show ${answer.gate}`)
      print.document(answer)
    })

  const rollouts = program.command('rollouts').description('releases on their way into force')
  rollouts.command('list', { isDefault: true }).description('those that run').option('--all', 'ended ones too').addOption(limitOption())
    .action(async (options: { all?: boolean; limit: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const page = await api.get<{ items: Rollout[]; nextCursor: string | null }>('/v1/rollouts', { site, limit: options.limit, ...(options.all ? {} : { state: 'running' }) })
      print.table(page.items.map((row) => ({ ...row })), siteColumns(['id', 'family', 'scope', 'release', 'former', 'state', 'stage', 'stageSince', 'stageThrough', 'ready'], site))
      print.more(options.limit, page)
      print.document(page)
    })
  rollouts.command('show <rollout>').description('where it stands, and what its guards saw last')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { api, print, site } = await open(command)
      const rollout = await api.get<RolloutDetail>(address(id), { site })
      for (const line of linesOf(rollout)) print.line(line)
      print.document(rollout)
    })
  rollouts.command('stop <rollout>').description('take the release back at whatever stage it is: one idempotent call')
    .requiredOption('--reason <text>', 'why; goes into the ledger').option('--request-id <id>', 'repeat with the same id for the same single effect')
    .option('--rescore', 'have what it judged judged anew by what judges then (default: as its plan says)').option('--no-rescore', 'leave it, whatever its plan says')
    .action(async (id: string, options: { reason: string; requestId?: string; rescore?: boolean }, command: Command) => {
      const { api, print, site } = await open(command)
      const requestId = options.requestId ?? randomUUID()
      const answer = await api.post<Steered>(address(id, '/stop'), { reason: options.reason, requestId, rescore: options.rescore }, { site }, requestId)
      print.line(`Stopped at ${answer.stage}${answer.back === null ? '' : `; in force again: ${answer.back.release}`}`)
      if (answer.rescore !== null) print.line(`What it judged is judged anew: twinward rescore status ${answer.rescore}`)
      print.document(answer)
    })
  rollouts.command('advance <rollout>').description('say that the next stage may begin, where the plan leaves that to people')
    .requiredOption('--from <stage>', 'the stage that is to end: shadow or canary').requiredOption('--reason <text>', 'why; goes into the ledger')
    .action(async (id: string, options: { from: string; reason: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const answer = await api.post<Steered>(address(id, '/advance'), options, { site })
      print.line(answer.repeated ? `It is at ${answer.stage} already` : answer.state === 'completed' ? 'It judges all now' : `It is at ${answer.stage} now`)
      print.document(answer)
    })
}

function* linesOf(rollout: RolloutDetail): Generator<string> {
  const { release, former, state, stage, stages, plan } = rollout
  yield `${release}${former === null ? '' : `, instead of ${former}`}: ${state === 'running' ? `at ${stage} (of ${stages.join(', ')})` : `${state} at ${stage}`}`
  if (rollout.endedBecause !== null) yield `  ${rollout.endedBecause}`
  if (state === 'running') {
    yield `  since ${rollout.stageSince}, until ${rollout.stageThrough} at the earliest${rollout.minWindows > 0 ? ` and ${counted(rollout.minWindows, 'window')}` : ''}`
    const seen = rollout.checks.findLast((check) => check.stage === stage)?.windows ?? 0
    if (seen < rollout.minWindows) yield `  so far ${counted(seen, 'window')}: only what machines send live counts, imported history does not`
    if (plan.canary !== null) yield `  canary: ${plan.canary.assets.join(', ')}`
    if (rollout.ready) yield `  This stage is through: twinward rollouts advance ${rollout.id} --from ${stage} --reason TEXT`
    yield `  Take it back with: twinward rollouts stop ${rollout.id} --reason TEXT`
  }
  const last = rollout.checks.at(-1)
  if (last === undefined) return
  yield `Guards at ${last.at} (${last.stage}, ${counted(last.windows, 'window')}):`
  for (const { text, tripped, value } of last.readings) yield `  ${tripped ? 'TRIPPED' : value === null ? 'not yet' : 'ok'}  ${text}`
}

async function rolloutOf({ shadow, canary, slice, watch, windows, manual, checkEvery, guards, rescore }: PromoteOptions): Promise<Record<string, unknown> | null> {
  if ((canary === undefined) !== (slice === undefined)) throw new CliError('usage', 'A canary takes both: how long (--canary 2d) and which machines (--slice 20% or --slice pump-1,pump-2).')
  const stages = {
    ...(shadow !== undefined && { shadow: stageOf(shadow, windows) }), ...(canary !== undefined && slice !== undefined && { canary: { ...stageOf(canary, windows), slice } }),
    ...(watch !== undefined && { champion: stageOf(watch, windows) }),
  }
  const manner = {
    ...(manual === true && { advance: 'manual' }), ...(checkEvery !== undefined && { checkEverySeconds: checkEvery }), ...(guards !== undefined && { guards: await readJsonFile(guards) }),
    ...(rescore === true && { rescore }),
  }
  if (Object.keys(stages).length > 0) return { ...stages, ...manner }
  if (Object.keys(manner).length > 0 || windows !== undefined) throw new CliError('usage', 'Name a stage for these options: --shadow, --canary with --slice, or --watch.')
  return null
}

const stageOf = (dwellSeconds: number, windows: number | undefined) => ({ dwellSeconds, ...(windows !== undefined && { minWindows: windows }) })

type Slice = { percent: number } | { assets: string[] }

function slice(text: string): Slice {
  if (!text.includes('%')) return { assets: machines(text) }
  const percent = /^\d+(\.\d+)?%$/.test(text) ? Number(text.slice(0, -1)) : NaN
  if (percent > 0 && percent < 100) return { percent }
  throw new InvalidArgumentError('A share lies above 0% and below 100%, e.g. 20%; or name machines, e.g. pump-1,pump-2.')
}
