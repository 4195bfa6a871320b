import type { Command } from 'commander'
import { gapCauseSchema } from '../../../registry/domain/contract/gateway-report.ts'
import type { Open } from '../context.ts'
import { CliError } from '../errors.ts'
import { instant, limitOption } from '../options.ts'
import { siteColumns } from '../print.ts'
import { addGatewayIdentityCommands } from './gateway-identity.ts'
import { addGatewayUpdateCommands } from './gateway-updates.ts'

interface Page<T> { items: T[]; nextCursor: string | null }
interface Gateway {
  site: string; id: string; state: string; version: string | null; lastSeenAt: string; bufferedRows: number | null; openGaps: number; clockSkewUs: number | null; certificateNotAfter: string | null; problems: string[]
}
interface GatewayDetail extends Gateway { status: { connectors: { id: string; type: string; state: string; detail: string | null }[] } | null }
interface Gap { gateway: string; cause: string; tag: string | null; source: string | null; from: string; to: string | null; lost: number | null; detail: string | null }
interface LocalAlarm { id: string; platform: string | null; raisedAt: string; clearedAt: string | null; asset: string; rule: string; severity: string; state: string; gateway: string; message: string; acknowledged: { by: string } | null }
interface Judgement {
  trustedKeys: string[]; machines: { asset: string; release: string | null; issue: number }[]; orders: { release: string | null; assets: string[]; state: string; detail: string | null }[]
  compared: { asset: string; release: string; issue: number; agreeing: number; differing: number; firstDifference: { what: string; gateway: number | string | null; platform: number | string | null; windowEnd: string } | null }[]
}
interface Recall { id: string; tags: string[]; from: string; to: string; state: string; rows: number; detail: string | null; requestedBy: string; requestedAt: string }

/** What an operator asks about gateways: how they are, what is missing, and to have a period shipped again. */
export function addGatewayCommands(program: Command, open: Open): void {
  const gateways = program.command('gateways [gateway]').description('list gateways: how each is, how far behind, what is wrong; or one with its connectors').addOption(limitOption())
    .action(async (id: string | undefined, { limit }: { limit: number }, command: Command) => {
      const { api, print, site, exitCode } = await open(command)
      if (id !== undefined) {
        const gateway = await api.get<GatewayDetail>(`/v1/gateways/${encodeURIComponent(id)}`, { site })
        print.table([rowOf(gateway)], siteColumns(GATEWAY, site))
        print.table(gateway.status?.connectors.map((connector) => ({ ...connector })) ?? [], ['id', 'type', 'state', 'detail'])
        for (const problem of gateway.problems) print.line(`! ${problem}`)
        print.document(gateway)
        if (gateway.state !== 'ok') exitCode(1)
        return
      }
      const page = await api.get<Page<Gateway>>('/v1/gateways', { site, limit })
      print.table(page.items.map(rowOf), siteColumns(GATEWAY, site))
      for (const { id: name, problems } of page.items) for (const problem of problems) print.line(`${name}: ${problem}`)
      print.document(page)
    })

  addGatewayIdentityCommands(program, gateways, open)

  addGatewayUpdateCommands(gateways, open)

  program.command('gaps [asset]').description('what is missing, or came late, and why: the gap ledger, newest first')
    .option('--tag <tag>', 'of one tag (asset/name)').option('--gateway <gateway>', 'of one gateway').option('--cause <cause>', `${gapCauseSchema.options.join(', ')}; a newer gateway may know more`)
    .option('--open', 'only those that go on').option('--from <instant>', 'that touch the time after (RFC 3339)', instant).option('--to <instant>', '… and before', instant).addOption(limitOption())
    .action(async (asset: string | undefined, options: { tag?: string; gateway?: string; cause?: string; open?: true; from?: string; to?: string; limit: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const page = await api.get<Page<Gap>>('/v1/gaps', { site, asset, ...options })
      print.table(page.items.map((gap) => ({ ...gap, of: gap.tag ?? (gap.source === null ? 'all of the gateway' : `all of ${gap.source}`), to: gap.to ?? 'goes on', lost: gap.lost ?? 'unknown' })), ['from', 'to', 'of', 'cause', 'lost', 'gateway', 'detail'])
      print.more(options.limit, page)
      print.document(page)
    })

  program.command('local-alarms').description('alarms that gateways raised, by rules of their own or by a release that judges there, newest first').option('--asset <asset>', 'of one machine').option('--gateway <gateway>', 'of one gateway')
    .option('--standing', 'only those whose condition holds').addOption(limitOption())
    .action(async ({ standing, ...options }: { asset?: string; gateway?: string; standing?: true; limit: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const page = await api.get<Page<LocalAlarm>>('/v1/local-alarms', { site, ...options, ...(standing && { state: 'active' }) })
      print.table(page.items.map((alarm) => ({ ...alarm, acknowledged: alarm.acknowledged?.by ?? null })), ['raisedAt', 'asset', 'rule', 'severity', 'state', 'clearedAt', 'acknowledged', 'platform', 'gateway', 'id', 'message'])
      print.more(options.limit, page)
      print.document(page)
    })

  program.command('acknowledge-local <gateway> <alarm>').description('see to an alarm of a gateway; the box is told').option('--comment <text>', 'what was found')
    .action(async (gateway: string, alarm: string, { comment }: { comment?: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const answered = await api.post<{ state: string }>(`/v1/local-alarms/${encodeURIComponent(gateway)}/${encodeURIComponent(alarm)}/acknowledge`, { ...(comment !== undefined && { comment }) }, { site })
      print.line(answered.state === 'ordered' ? `${gateway} is told with its next report.` : 'Somebody sees to it already.')
      print.document(answered)
    })

  program.command('judged <gateway>').description('what judges at a gateway, and how far it comes to the same as the platform')
    .action(async (gateway: string, _options: unknown, command: Command) => {
      const { api, print, site } = await open(command)
      const judgement = await api.get<Judgement>(`/v1/gateways/${encodeURIComponent(gateway)}/judgement`, { site })
      if (judgement.machines.length === 0) print.line(judgement.trustedKeys.length === 0 ? `${gateway} trusts no platform's key: "edge trust KEY.pem" on it.` : `Nothing is judged at ${gateway}.`)
      else print.table(judgement.machines.map((machine) => ({ ...machine })), ['asset', 'release', 'issue'])
      const refused = judgement.orders.filter(({ state }) => state !== 'done')
      for (const { release, assets, state, detail } of refused) print.line(`${release ?? 'a release'} for ${assets.join(', ')}: ${state}${detail === null ? '' : `: ${detail}`}`)
      if (judgement.compared.length > 0) print.table(judgement.compared.map((compared) => ({ ...compared })), ['asset', 'release', 'issue', 'agreeing', 'differing', 'otherRelease', 'absent', 'from', 'to'])
      for (const { asset, firstDifference } of judgement.compared) if (firstDifference) print.line(`${asset} differs first at ${firstDifference.windowEnd}: ${firstDifference.what} ${String(firstDifference.gateway)} there, ${String(firstDifference.platform)} here`)
      print.document(judgement)
    })

  program.command('recall <gateway>').description('have a gateway ship again, as backfill, what its raw store holds of some tags and a period')
    .requiredOption('--tag <tags...>', 'asset/name; may be several').requiredOption('--from <instant>', 'source time (RFC 3339)', instant).requiredOption('--to <instant>', 'source time, exclusive', instant)
    .option('--wait', 'wait until the gateway has shipped it')
    .action(async (gateway: string, { tag, from, to, wait }: { tag: string[]; from: string; to: string; wait?: true }, command: Command) => {
      const { api, print, site } = await open(command)
      const path = `/v1/gateways/${encodeURIComponent(gateway)}/recalls`
      let recall = await api.post<Recall>(path, { tags: tag, from, to }, { site })
      while (wait && (recall.state === 'pending' || recall.state === 'accepted')) {
        print.progress(`${recall.state === 'pending' ? 'waiting for the next report of the gateway' : `${recall.rows} rows shipped`} …`)
        await new Promise((resolve) => { setTimeout(resolve, LOOK_MS) })
        recall = (await api.get<Page<Recall>>(path, { site, limit: 500 })).items.find(({ id }) => id === recall.id) ?? recall
      }
      print.progress('')
      if (recall.state === 'refused') throw new CliError('unprocessable', `${gateway} refuses: ${recall.detail ?? 'it gives no reason'}.`, { recall: recall.id })
      print.line(recall.state === 'done'
        ? `Recall ${recall.id} is done: ${recall.rows} rows came as backfill${recall.detail === null ? '' : `; ${recall.detail}`}.`
        : `Recall ${recall.id} is ordered; the gateway takes it up with its next report. How far it is: twinward recalls ${gateway}`)
      print.document(recall)
    })

  program.command('recalls <gateway>').description('what was recalled from a gateway\'s raw store, newest first').addOption(limitOption())
    .action(async (gateway: string, { limit }: { limit: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const page = await api.get<Page<Recall>>(`/v1/gateways/${encodeURIComponent(gateway)}/recalls`, { site, limit })
      print.table(page.items.map((recall) => ({ ...recall, tags: recall.tags.join(' ') })), ['id', 'tags', 'from', 'to', 'state', 'rows', 'requestedBy', 'requestedAt', 'detail'])
      print.document(page)
    })
}

const LOOK_MS = 500
const GATEWAY = ['id', 'state', 'version', 'lastSeenAt', 'waiting', 'gaps', 'skew', 'certificate']
const rowOf = ({ bufferedRows, openGaps, clockSkewUs, certificateNotAfter, ...gateway }: Gateway): Record<string, unknown> => ({
  ...gateway, certificate: certificateNotAfter?.slice(0, 10) ?? null, waiting: bufferedRows, gaps: openGaps, skew: clockSkewUs === null ? null : `${(clockSkewUs / 1e6).toFixed(1)} s`,
})
