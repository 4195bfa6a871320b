import type { Place } from '../../registry/domain/bundle/admit.ts'
import { MAX_BUNDLE_BYTES } from '../../registry/domain/bundle/envelope.ts'
import type { GatewayCommand } from '../../registry/domain/contract/gateway-report.ts'
import { refuse } from '../../registry/domain/errors.ts'
import type { AlarmBook } from '../alarms/alarm-book.ts'
import type { ConfigureCare } from '../configure/care.ts'
import type { BundleStore } from '../judge/bundle-store.ts'
import type { ProgramCare } from '../update/care.ts'
import type { SiteJudging } from './judging.ts'

export interface OrderBookOptions {
  readonly fetch: (file: { readonly digest: string; readonly bytes: number }) => Promise<Uint8Array>
  readonly bundles: BundleStore
  readonly place: () => Place
  readonly judging: Pick<SiteJudging, 'look'>
  readonly alarms: Pick<AlarmBook, 'acknowledge'>
  /** Absent where no launcher started the gateway. */
  readonly program: ProgramCare | undefined
  /** Absent where no site file is followed. */
  readonly configure: ConfigureCare | undefined
  /** Renews the certificate; absent where the gateway shows none. */
  readonly renew: (() => Promise<void>) | undefined
  readonly bufferFolder: string
}

/** What a gateway does for each kind of order. Each may be given again: doing it twice is doing it once. */
export const orderBook = ({ fetch, bundles, place, judging, alarms, program, configure, renew, bufferFolder }: OrderBookOptions) => async (command: GatewayCommand): Promise<string | null> => {
  switch (command.kind) {
    case 'install-bundle': {
      const { digest, bytes } = command
      if (bytes > MAX_BUNDLE_BYTES) return refuse('too_large', `the bundle has ${bytes} bytes, and this gateway takes ${MAX_BUNDLE_BYTES} at the most`, { bytes })
      const { bundle, made } = bundles.install(await fetch({ digest, bytes }), place())
      judging.look()
      return `${bundle.manifest.release.id} (issue ${bundle.manifest.issue.number}) ${made ? 'is now' : 'was already'} in force for ${bundle.manifest.assets.join(', ')}`
    }
    case 'acknowledge': {
      const { alarm, by, comment } = command
      const { acknowledged } = await alarms.acknowledge(alarm, by, comment)
      return `acknowledged by ${acknowledged?.by ?? by}`
    }
    case 'update':
      return program?.carryOut(command, fetch, bufferFolder)
        ?? refuse('unprocessable', 'no launcher started this gateway, so nothing could go back by itself; start it by twinward-launch.mjs (the systemd unit does)')
    case 'renew':
      if (renew === undefined) return refuse('unprocessable', 'this gateway shows no certificate: its site file does not say identity: enrolled')
      await renew()
      return 'it has another key, and connects by it'
    case 'configure': return configure?.carryOut(command, fetch) ?? refuse('unprocessable', 'this gateway follows no site file; run it by "twinward-edge run"')
    case 'recall': return refuse('invalid', 'a recall is not carried out at once')
  }
}
