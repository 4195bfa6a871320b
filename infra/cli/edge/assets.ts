import { assetImportFromSite } from '../../../edge/site/assets.ts'
import { readSiteFile } from '../../../edge/site/site-file.ts'
import type { AssetImport } from '../../../registry/domain/contract/hierarchy.ts'

/** What a site file has to register at the platform; which broker the gateway ships to does not matter here. */
export async function assetsOfSite(site: string, env: NodeJS.ProcessEnv): Promise<AssetImport> {
  return assetImportFromSite(await readSiteFile(site, { env: { MQTT_URL: 'mqtt://127.0.0.1:1883', ...env } }))
}
