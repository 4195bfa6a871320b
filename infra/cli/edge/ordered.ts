import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { parseSiteFile } from '../../../edge/site/site-file.ts'
import { CliError } from '../errors.ts'
import { readOrRefuse } from './read-or-refuse.ts'

/** Where a box is told its broker by its environment, that is not known here: the box checks the file again. */
const ELSEWHERE = { MQTT_URL: 'mqtt://told-at-the-box:1883' }

/**
 * Site files for gateways of one site, each by the gateway that it names. Refuses (`invalid`) one with mistakes, and one of another site.
 * @param wanted undefined: the site that they name
 */
export async function readOrdered(files: readonly string[], wanted: string | undefined): Promise<{ site: string | undefined; files: { gateway: string; text: string }[] }> {
  let site = wanted
  const read: { gateway: string; text: string }[] = []
  for (const file of files) {
    const text = await readOrRefuse(file, 'site file', (name) => readFile(name, 'utf8'))
    const { plan } = await parseSiteFile(text, path.basename(file), { env: ELSEWHERE })
    site ??= plan.site
    if (plan.site !== site) throw new CliError('wrong_site', `${file} is for site ${plan.site}, and this is about ${site}. Name that site with --site, or another file.`)
    read.push({ gateway: plan.gateway, text })
  }
  return { site, files: read }
}
