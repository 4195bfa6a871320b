import { demand, type Actor } from '../domain/access/rights.ts'
import { canonicalDigest } from '../domain/canonical.ts'
import type { ArrivedReport, GatewayCommand, GatewayReply } from '../domain/contract/gateway-report.ts'
import { DomainError, refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
import { putGaps } from '../store/gaps.ts'
import { applyOutcomes, openCommands } from '../store/gateway-commands.ts'
import { insertMappings, putReport, type GatewayMapping } from '../store/gateway-reports.ts'
import { touchGateway } from '../store/gateways.ts'
import { putLocalAlarms } from '../store/local-alarms.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import { announceLocalAlarm, announceLocalAlarmCleared } from './announce-local-alarm.ts'
import { compareJudgedWindows } from './compare-judged.ts'
import type { ServiceContext } from './context.ts'
import { demandNotShut } from './gateways/demand-not-shut.ts'
import { reconcileJudgedAlarms } from './judged-alarms.ts'

/**
 * Keeps what a gateway reports, all of it in one transaction, and answers what was kept and what it is to do. The same
 * report again, or an older one, changes nothing. A tag map whose digest is not its own is left out, and the reply says
 * so. Refuses (`forbidden`) a gateway that was shut out, and (`not_found`) a site that is not there.
 * @param receivedUs when the report came in, by our clock: the gateway measures its own by it
 */
export async function recordGatewayReport(ctx: ServiceContext, actor: Actor, report: ArrivedReport, receivedUs: number): Promise<GatewayReply> {
  const { site, gateway, sentUs, gaps, alarms } = report
  demand(actor, 'reading.write', site)
  const mappings = report.mappings.filter(isItself)
  const strangers = report.mappings.filter((mapping) => !mappings.includes(mapping)).map(({ digest }) => `${digest.slice(0, 12)}…`)
  const { commands, judged } = await inSite(ctx.pool, site, async (tx) => {
    const { rowCount } = await tx.query("select 1 from site where site_id = $1 and kind <> 'fleet'", [site])
    if (rowCount !== 1) refuse('not_found', `There is no site ${site}; make it, then the gateway's reports are kept.`)
    await demandNotShut(tx, site, gateway)
    await touchGateway(tx, site, gateway, receivedUs, sentUs)
    await putReport(tx, report, receivedUs)
    await putGaps(tx, site, gateway, gaps, receivedUs)
    await keepAlarms(tx, report, receivedUs)
    await insertMappings(tx, site, gateway, mappings, receivedUs)
    for (const { id, kind, state, rows, detail } of await applyOutcomes(tx, site, gateway, report.commands, receivedUs)) {
      await recordAudit(tx, { actor, verb: ENDED[kind], subject: `gateway-command/${id}`, detail: { gateway, state, rows, detail } })
    }
    return { commands: await openCommands(tx, site, gateway), judged: await compareJudgedWindows(tx, site, gateway, report.judged, receivedUs) }
  })
  return {
    sentUs, receivedUs, gaps: gaps.map(confirmed), alarms: alarms.map(confirmed), judged, mappings: mappings.map(({ digest }) => digest), commands,
    problem: strangers.length === 0 ? null : `Tag maps ${strangers.join(', ')} have another digest than they are named by, and were not kept; the rest was.`,
  }
}

const confirmed = ({ id, revision }: { id: string; revision: number }) => ({ id, revision })

/** What audit calls the end of an order. */
const ENDED: Readonly<Record<GatewayCommand['kind'], string>> = { recall: 'end-recall', 'install-bundle': 'end-bundle-installation', acknowledge: 'end-acknowledgement', update: 'end-update', configure: 'end-configuration', renew: 'end-renewal' }

/**
 * Each alarm is announced once when it is heard of, and once when it is over; what is told again announces nothing. One that
 * a release raised is the platform's own alert, known earlier: it waits for that ({@link tellJudgedAlarms}), so that nobody is called twice.
 */
async function keepAlarms(tx: Tx, { site, gateway, alarms }: ArrivedReport, receivedUs: number): Promise<void> {
  const changed = await putLocalAlarms(tx, site, gateway, alarms, receivedUs)
  for (const alarm of alarms.filter(({ id, judgement }) => judgement === null && changed.has(id))) {
    await announceLocalAlarm(tx, { ...alarm, gateway }, receivedUs)
    if (alarm.clearedUs !== null) await announceLocalAlarmCleared(tx, { ...alarm, gateway }, receivedUs)
  }
  const judged = alarms.filter(({ id, judgement }) => judgement !== null && changed.has(id))
  if (judged.length > 0) await reconcileJudgedAlarms(tx, site, gateway, judged, receivedUs)
}

function isItself({ digest, document }: GatewayMapping): boolean {
  try {
    return canonicalDigest(document) === digest
  } catch (error) {
    if (error instanceof DomainError) return false
    throw error
  }
}
