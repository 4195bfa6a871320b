import { Option, type Command } from 'commander'
import { counted } from '../../../registry/domain/counted.ts'
import type { Open } from '../context.ts'
import { limitOption } from '../options.ts'
import { siteColumns } from '../print.ts'

interface Answer { by: string; at: string; comment: string }
interface Incident {
  id: string; state: string; summary: string; asset: string | null; release: string; model: string; windows: number; goodAgain: number; timesSeen: number
  openedAt: string; openedBy: string; lastSeenAt: string; acknowledged: Answer | null; closed: Answer | null
  firstDifference: { scoreId: string; windowEnd: string; what: string; stored: unknown; recomputed: unknown; comparison: string; runtime: { then: string; now: string } }
}
interface IncidentDetail extends Incident { firstWindows: { scoreId: string; asset: string; windowEnd: string; what: string; goodAt: string | null }[] }
interface Answered { state: string; repeated: boolean }

const address = (incident: string, verb = '') => `/v1/incidents/${encodeURIComponent(incident)}${verb}`

export function addIncidentCommands(program: Command, open: Open): void {
  const incidents = program.command('incidents').description('what was found broken: stored decisions that do not replay')
  incidents.command('list', { isDefault: true }).description('those that nobody has closed').option('--all', 'closed ones too').option('--asset <asset>', 'that windows of this machine show')
    .addOption(new Option('--state <state>', 'in this state alone').choices(['open', 'acknowledged', 'closed'])).addOption(limitOption())
    .action(async (options: { all?: boolean; asset?: string; state?: string; limit: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const state = options.state ?? (options.all ? undefined : 'unclosed')
      const page = await api.get<{ items: Incident[]; nextCursor: string | null }>('/v1/incidents', { site, limit: options.limit, asset: options.asset, state })
      print.table(page.items.map((row) => ({ ...row, differs: row.firstDifference.what })), siteColumns(['id', 'state', 'asset', 'release', 'differs', 'windows', 'goodAgain', 'openedAt', 'lastSeenAt'], site))
      print.more(options.limit, page)
      print.document(page)
    })
  incidents.command('show <incident>').description('what differed, where, and what was said about it')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { api, print, site } = await open(command)
      const incident = await api.get<IncidentDetail>(address(id), { site })
      for (const line of linesOf(incident)) print.line(line)
      print.document(incident)
    })
  incidents.command('acknowledge <incident>').description('say that you have it in hand; it stays open').option('--comment <text>', 'for who comes next')
    .action(async (id: string, options: { comment?: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const answer = await api.post<Answered>(address(id, '/acknowledge'), options, { site })
      print.line(answer.repeated ? 'Somebody has it in hand already' : 'Acknowledged; it stays open until somebody closes it')
      print.document(answer)
    })
  incidents.command('close <incident>').description('end it with what was found').requiredOption('--comment <text>', 'what was found, and what was done about it; goes into the ledger')
    .action(async (id: string, options: { comment: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const answer = await api.post<Answered>(address(id, '/close'), options, { site })
      print.line(answer.repeated ? 'It is closed already' : 'Closed; a replay that fails again opens a new one')
      print.document(answer)
    })
}

function* linesOf(incident: IncidentDetail): Generator<string> {
  const { firstDifference: first, windows, goodAgain, acknowledged, closed, firstWindows } = incident
  yield `${incident.summary} (${incident.state})`
  yield `  first at score ${first.scoreId}, window to ${first.windowEnd}: ${first.what}: stored ${JSON.stringify(first.stored)}, recomputed ${JSON.stringify(first.recomputed)}`
  yield `  judged by ${incident.release}, model ${incident.model}${first.runtime.then === first.runtime.now ? '' : `; runtime of then ${first.runtime.then}, of now ${first.runtime.now}`}`
  yield `  opened ${incident.openedAt} by ${incident.openedBy}; shown by ${counted(incident.timesSeen, 'replay')}, the last ${incident.lastSeenAt}`
  if (acknowledged !== null) yield `  in hand: ${acknowledged.by}, ${acknowledged.at}${acknowledged.comment === '' ? '' : `: ${acknowledged.comment}`}`
  if (closed !== null) yield `  closed by ${closed.by}, ${closed.at}: ${closed.comment}`
  yield `${counted(windows, 'window')}${goodAgain === 0 ? '' : `, ${goodAgain === windows ? 'all' : goodAgain} good when replayed last`}${windows > firstWindows.length ? `; the first ${firstWindows.length}` : ''}:`
  for (const { scoreId, asset, windowEnd, what, goodAt } of firstWindows) yield `  score ${scoreId}  ${asset}  to ${windowEnd}  ${what}${goodAt === null ? '' : `  good again ${goodAt}`}`
  if (closed === null) yield `Look again: twinward replay ${first.scoreId}. When you know: twinward incidents close ${incident.id} --comment "WHAT WAS FOUND"`
}
