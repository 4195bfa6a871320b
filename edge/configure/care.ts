import path from 'node:path'
import type { GatewayCommand, GatewayStatus } from '../../registry/domain/contract/gateway-report.ts'
import { DomainError, refuse } from '../../registry/domain/errors.ts'
import { MAX_SIGNED_SITE_FILE_BYTES, openSiteFile, refuseSiteFile } from '../../registry/domain/configure/signed-site-file.ts'
import { createTrustedKeys } from '../judge/trusted-keys.ts'
import type { OrderedFiles } from './ordered-files.ts'
import { takeOrder } from './state.ts'

type ConfigureOrder = Extract<GatewayCommand, { kind: 'configure' }>

/** What runs when an order comes. */
export interface RunsNow {
  readonly site: string
  readonly gateway: string
  readonly bufferFolder: string
  /** Undefined before the first start is over. */
  readonly siteFile: GatewayStatus['siteFile']
  readonly connected: boolean
  /** Sources that give readings, by id. */
  readonly working: readonly string[]
}

/** What `edge check` finds in a site file on this machine. */
export interface Checked {
  readonly site: string
  readonly gateway: string
  readonly bufferFolder: string
  readonly lacks: readonly string[]
}

export interface ConfigureCareOptions {
  /** Undefined where the gateway is given no folder for its state. */
  readonly ordered: OrderedFiles | undefined
  readonly now: () => RunsNow
  /** Digest of the file at its path as it is now; null where there is none. */
  readonly atPath: () => Promise<string | null>
  /** Refuses (`invalid`) one with mistakes. */
  readonly check: (text: string) => Promise<Checked>
  /** What this machine lacks for the site file in force: that is no fault of another one. */
  readonly lacksNow: () => Promise<readonly string[]>
  /** One is to be tried. */
  readonly onTaken: () => void
}

/** Takes site files that the platform orders: what is not refused is on the disk, to be tried. */
export interface ConfigureCare {
  /** Doing it twice is doing it once. Refuses with `details.fault`, and what was rolled back for this very order. */
  carryOut(order: ConfigureOrder, fetch: (file: { readonly digest: string; readonly bytes: number }) => Promise<Uint8Array>): Promise<string>
}

const short = (digest: string) => digest.slice(0, 8)

export function createConfigureCare({ ordered, now, atPath, check, lacksNow, onTaken }: ConfigureCareOptions): ConfigureCare {
  /** What was dealt with before; null when it is new. */
  function before({ id, siteFile }: ConfigureOrder, files: OrderedFiles): string | null {
    const { trial, last } = files.state()
    if (last?.id === id) return last.outcome === 'confirmed' ? `site file ${short(siteFile)} is in force` : refuse('conflict', `site file ${short(siteFile)} ${last.outcome === 'rolled_back' ? 'was rolled back' : 'gave way'} here: ${last.why ?? 'it was not well'}`)
    if (trial?.id === id) return `site file ${short(siteFile)} is being tried`
    if (trial !== null) return refuse('unavailable', `site file ${short(trial.digest)} is being tried; this one after that`)
    return null
  }

  /** Refuses where what it is to take the place of is not what lies here; gives the digest of the file at its path. */
  async function placeOf(replaces: string): Promise<string> {
    const { siteFile } = now()
    const lies = await atPath()
    if (siteFile === undefined || siteFile.former || lies === null) {
      return refuseSiteFile('changed_at_the_box', 'the site file at the box cannot be used, so somebody is at work on it; mend it there first ("edge check" names each mistake), then order the change again')
    }
    const over = siteFile.from === 'order' ? ordered?.state().inForce?.over : siteFile.digest
    if (siteFile.digest !== replaces || lies !== over) {
      return refuseSiteFile('changed_at_the_box', `the site file was changed at the box: ${short(lies === over ? siteFile.digest : lies)} is there, and this one takes the place of ${short(replaces)}; take that change over into the file first, then order it again`, { replaces, inForce: siteFile.digest })
    }
    return lies
  }

  async function demandFit(text: string, { site, gateway, bufferFolder }: RunsNow): Promise<void> {
    const checked = await check(text).catch((error: unknown) => {
      if (!(error instanceof DomainError)) throw error
      const lines = error.message.split('\n')
      return refuseSiteFile('mistakes', `the site file has mistakes: ${lines.slice(0, 3).join('; ')}${lines.length > 3 ? `; and ${lines.length - 3} more` : ''}; "edge check" names all, correct them and order it again`)
    })
    if (checked.site !== site || checked.gateway !== gateway) refuseSiteFile('wrong_gateway', `the site file is for gateway ${checked.gateway} of site ${checked.site}, and this is ${gateway} of ${site}; order the one that is for it`)
    if (checked.bufferFolder !== bufferFolder) refuseSiteFile('moves_the_buffer', `the site file moves the buffer to ${checked.bufferFolder}, and what waits in ${bufferFolder} would stay behind; leave buffer.directory as it is, or move it at the box`)
    const known = new Set(await lacksNow())
    const lacks = checked.lacks.filter((one) => !known.has(one))
    if (lacks.length > 0) refuseSiteFile('mistakes', `this machine lacks what the site file needs: ${lacks.slice(0, 3).join('; ')}; put it there, then order it again`)
  }

  return {
    async carryOut(order, fetch) {
      const { id, digest, bytes, siteFile } = order
      if (ordered === undefined) return refuseSiteFile('not_kept', 'this gateway has no folder for its state (STATE_DIRECTORY), so nothing could go back by itself; run it by its systemd unit, or change the site file at the box')
      const done = before(order, ordered)
      if (done !== null) return done
      if (bytes > MAX_SIGNED_SITE_FILE_BYTES) return refuseSiteFile('too_large', `the site file has ${bytes} bytes, and this gateway takes ${MAX_SIGNED_SITE_FILE_BYTES} at the most`, { bytes })
      const runs = now()
      const { manifest, text } = openSiteFile(await fetch({ digest, bytes }), createTrustedKeys(path.join(runs.bufferFolder, 'judge', 'keys')).check)
      if (manifest.site !== runs.site || manifest.gateway !== runs.gateway) {
        refuseSiteFile('wrong_gateway', `the site file is signed for gateway ${manifest.gateway} of site ${manifest.site}, and this is ${runs.gateway} of ${runs.site}; order the one that is for it`)
      }
      if (manifest.digest !== siteFile) refuseSiteFile('changed', 'the site file is not the one that the order names; order it again')
      if (runs.siteFile?.digest === siteFile && !runs.siteFile.former) return `site file ${short(siteFile)} was in force before`
      await demandFit(text, runs)
      const over = await placeOf(manifest.replaces)
      // Two orders may have come this far.
      const meanwhile = before(order, ordered)
      if (meanwhile !== null) return meanwhile
      ordered.putText(siteFile, text)
      ordered.keepState(takeOrder(ordered.state(), { id, digest: siteFile, over, connected: runs.connected, worked: runs.working }))
      onTaken()
      return `site file ${short(siteFile)} (issue ${manifest.issue.number}) is on the disk and being tried`
    },
  }
}
