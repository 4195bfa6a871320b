import path from 'node:path'
import pino from 'pino'
import { describeProblem } from '../../edge/connectors/csv/problem.ts'
import { assetImportFromMap, demandGoodRows, LISTED_PROBLEMS, planImport, runImport, type ImportPlan, type ImportProgress } from '../../edge/import-csv.ts'
import { counted } from '../../registry/domain/counted.ts'
import { findMqtt } from '../local-mqtt.ts'
import type { CommandContext } from './context.ts'
import { CliError, exitCodes } from './errors.ts'
import type { Printer } from './print.ts'

export interface CsvOptions { map: string; asset?: string; dryRun?: boolean; skipBadRows?: boolean; register: boolean }

/** `twinward import FILES`: checks all of them, registers what the map names, ships, and says what came of it. */
export async function importCsv(files: string[], options: CsvOptions, { api, print, site, config, exitCode }: CommandContext): Promise<void> {
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort())
  const plan = await planImport({
    map: options.map, files, onProgress: (progress) => showProgress(print, progress), signal: interrupted.signal,
    ...(site === undefined ? {} : { site }), ...(options.asset === undefined ? {} : { asset: options.asset }),
  })
  print.progress('')
  const skip = options.skipBadRows === true
  if (options.dryRun) {
    describePlan(print, plan)
    if (plan.badRows > 0) print.line(`  ${counted(plan.badRows, 'bad row')} in all; --skip-bad-rows leaves ${plan.badRows === 1 ? 'it' : 'them'} out`)
    print.document({ plan: { rows: plan.rows, badRows: plan.badRows, readings: plan.readings, firstUs: plan.firstUs, lastUs: plan.lastUs, problems: plan.problems } })
    if (plan.badRows > 0 && !skip) exitCode(exitCodes.refused)
    return
  }
  // Before anything is registered.
  if (!skip) demandGoodRows(plan)
  describePlan(print, plan)
  if (plan.badRows > 0) print.line(`  ${counted(plan.badRows, 'bad row')} in all, left out`)
  const mqtt = findMqtt(config)
  if (!mqtt) throw new CliError('unreachable', `No broker is known: start the platform on ${config.dataDir} with "npm start", or set MQTT_URL.`)
  if (options.register) await api.post('/v1/assets/import', assetImportFromMap(plan.map))
  const report = await runImport({
    plan, mqtt, bufferRoot: path.join(config.dataDir, 'import'), log: pino({ level: 'silent' }), skipBadRows: skip,
    onProgress: (progress) => showProgress(print, progress), signal: interrupted.signal,
  })
  print.progress('')
  for (const file of report.files) print.line(`  ${file.name}: ${counted(file.rows, 'row')}, ${counted(file.readings, 'reading')}${file.skippedRows ? `, ${counted(file.skippedRows, 'row')} left out` : ''}${file.before ? ' (imported before)' : ''}`)
  print.line(report.status === 'already-imported' ? 'Every file was imported before; nothing was sent.'
    : report.status === 'interrupted' ? 'Interrupted. Run the same command again to go on where it stopped.'
      : report.quarantinedBatches > 0 ? `Imported, but the platform set ${counted(report.quarantinedBatches, 'batch', 'batches')} of ${report.batches} aside: twinward quarantine says why.`
      : `Imported: ${counted(report.readings, 'reading')} in ${counted(report.batches, 'batch', 'batches')}, each acknowledged by the platform.`)
  print.document(report)
  if (report.status === 'interrupted' || report.quarantinedBatches > 0) exitCode(exitCodes.refused)
}

function describePlan(print: Printer, plan: ImportPlan): void {
  print.line(`${counted(plan.files.length, 'file')}, ${counted(plan.rows, 'row')}, ${counted(plan.readings, 'reading')} for ${plan.map.site.id}/${plan.map.asset.id}`)
  for (const problem of plan.problems.slice(0, LISTED_PROBLEMS)) print.line(`  ${describeProblem(problem)}`)
}

function showProgress(print: Printer, { phase, file, bytesDone, bytesTotal, readings, acknowledged, trouble }: ImportProgress): void {
  if (phase === 'check') print.progress(`checking ${file ?? ''}: ${counted(readings, 'reading')} so far`)
  else print.progress(`${phase === 'read' ? 'reading' : 'shipping'} ${bytesTotal > 0 ? Math.round((bytesDone / bytesTotal) * 100) : 0} %, ${acknowledged} of ${counted(readings, 'reading')} acknowledged${trouble ? ` (${trouble})` : ''}`)
}
