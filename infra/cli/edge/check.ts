import { assetImportFromSite } from '../../../edge/site/assets.ts'
import { checkMachine } from '../../../edge/site/check-machine.ts'
import { describeBytes, describeSpan } from '../../../edge/site/describe.ts'
import { BYTES_A_READING, estimateSite } from '../../../edge/site/estimate.ts'
import { createSecrets } from '../../../edge/site/secrets.ts'
import { readSiteFile, type SiteFile } from '../../../edge/site/site-file.ts'
import { diskFree } from '../../../edge/disk-free.ts'
import { counted } from '../../../registry/domain/counted.ts'
import { DomainError } from '../../../registry/domain/errors.ts'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { openOrderedFiles } from '../../../edge/configure/ordered-files.ts'
import { digestOf } from '../../../edge/site/last-good.ts'
import type { Printer } from '../print.ts'

/** `edge check`: refuses a file with mistakes, each named; else says what a gateway would do with it. */
export async function checkSite(file: string, env: NodeJS.ProcessEnv, print: Printer): Promise<void> {
  const site = await readSiteFile(file, { env })
  const { plan } = site
  const sources = estimateSite(site)
  const readingsPerSec = sources.reduce((sum, source) => sum + source.readingsPerSec, 0)
  const bufferSeconds = readingsPerSec > 0 ? plan.buffer.capBytes / (readingsPerSec * BYTES_A_READING) : null
  const warnings = await warningsOf(site, env, path.dirname(path.resolve(file)))

  print.line(`${file} has no mistake: gateway ${plan.gateway} of site ${plan.site}, ${plan.platform.url === null ? 'on its own, without a platform' : `shipping to ${plan.platform.identity ? 'the platform it is enrolled at' : plan.platform.url}`}.`)
  print.table(sources.map(({ id, type, tags, waveforms, readingsPerSec: read, atSourcesPace, shippedPerSec }) => ({
    source: id, type, tags, waveforms, 'readings/s': read, 'at the source\'s pace': counted(atSourcesPace, 'tag'), 'shipped/s at most': shippedPerSec,
  })), ['source', 'type', 'tags', 'waveforms', 'readings/s', 'at the source\'s pace', 'shipped/s at most'])
  print.line(`The buffer (${plan.buffer.directory}, ${describeBytes(plan.buffer.capBytes)}) ${bufferSeconds === null
    ? 'holds as long as its tags\' pace allows: none says how often it is read.' : `holds about ${describeSpan(bufferSeconds)} without a connection; then: ${plan.buffer.whenFull}.`}`)
  const { rules, to } = plan.alarms
  if (rules.length > 0) print.line(`It raises alarms by ${counted(rules.length, 'rule')} (${counted(new Set(rules.map(({ asset }) => asset)).size, 'machine')}), and tells ${[...(plan.platform.url === null ? [] : ['the platform']), ...to.map(({ id }) => id)].join(', ') || 'its own page'}.`)
  const ordered = openOrderedFiles(env, file)?.state() ?? null
  if (ordered?.inForce) print.line(`The gateway runs by another one, which the platform ordered over ${ordered.inForce.over === digestOf(await readFile(file, 'utf8')) ? 'this: changing this one ends that' : 'an earlier state of this: this one counts when the gateway sees it'} (${ordered.inForce.digest.slice(0, 8)}).`)
  for (const warning of warnings) print.line(`Mind: ${warning}`)
  print.document({ ok: true, site: plan.site, gateway: plan.gateway, platform: plan.platform.url, sources, buffer: { directory: plan.buffer.directory, capBytes: plan.buffer.capBytes, seconds: bufferSeconds }, alarms: { rules: rules.length, to: to.map(({ id }) => id) }, warnings })
}

/** What is no mistake of the file, but would keep the gateway from doing its work on this machine. */
async function warningsOf(site: SiteFile, env: NodeJS.ProcessEnv, folder: string): Promise<string[]> {
  const { plan } = site
  const warnings: string[] = []
  const collect = (check: () => void) => {
    try {
      check()
    } catch (error) {
      if (!(error instanceof DomainError)) throw error
      warnings.push(...error.message.split('\n'))
    }
  }
  warnings.push(...site.describe(await checkMachine(site, createSecrets(env, folder))))
  collect(() => { assetImportFromSite(site) })
  if (plan.platform.url === null && plan.buffer.keepRaw === null) warnings.push('without a platform nothing keeps what was read, and there is none to export; say how long with buffer: { keepRaw: { for: 24 h, cap: 2 GiB } }')
  const free = diskFree(plan.buffer.directory) ?? diskFree(path.dirname(plan.buffer.directory))
  const wanted = plan.buffer.capBytes + (plan.buffer.keepRaw?.bytes ?? 0)
  if (free !== null && free < wanted) warnings.push(`the buffer may take ${describeBytes(wanted)}, but ${describeBytes(free)} are free at ${plan.buffer.directory}; lower buffer.cap, or make room`)
  return warnings
}
