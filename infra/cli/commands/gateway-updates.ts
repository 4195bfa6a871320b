import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { InvalidArgumentError, type Command } from 'commander'
import { counted } from '../../../registry/domain/counted.ts'
import { slugSchema } from '../../../registry/domain/contract/primitives.ts'
import { UPDATE_PIECE_BYTES } from '../../../registry/services/gateway-updates/put-piece.ts'
import type { Open } from '../context.ts'
import { readOrRefuse } from '../edge/read-or-refuse.ts'
import { limitOption, span } from '../options.ts'
import { siteColumns } from '../print.ts'

interface Update {
  id: string; kind: 'program' | 'site-file'; version: string; state: string; stage: number; stages: number; startedAt: string; startedBy: string; reason: string; endedBecause: string | null
  gateways: { gateway: string; stage: number; state: string; orderedAt: string | null; wellSince: string | null; detail: string | null }[]
}
type Stage = string[] | number
interface Terms { stages: Stage[]; reason: string; settle: number; within: number }

/** Programs and site files on their way to gateways: below `gateways`, which lists them. */
export function addGatewayUpdateCommands(gateways: Command, open: Open): void {
  staged(gateways.command('update <file>').description('bring an update of the program (twinward edge package) to the gateways of a site, stage after stage; it stops by itself when one goes back'))
    .action(async (file: string, { stages, reason, settle, within }: Terms, command: Command) => {
      const { api, print, site } = await open(command)
      const bytes = await readOrRefuse(file, 'update', (name) => readFile(name))
      const digest = createHash('sha256').update(bytes).digest('hex')
      for (let offset = 0; offset < bytes.length; offset += UPDATE_PIECE_BYTES) {
        print.progress(`${Math.floor((100 * offset) / bytes.length)} % sent`)
        await api.post(`/v1/gateway-updates/files/${digest}/pieces`, { offset, piece: bytes.subarray(offset, offset + UPDATE_PIECE_BYTES).toString('base64') }, { site })
      }
      print.progress('')
      const update = await api.post<Update>('/v1/gateway-updates', { file: { digest, bytes: bytes.length }, stages, settleSeconds: settle, withinSeconds: within, reason }, { site })
      print.line(`${update.version} is on its way to ${update.gateways.length} gateways in ${update.stages} stages: twinward gateways updates ${update.id}. To stop it: twinward gateways stop-update ${update.id} --reason …`)
      print.document(update)
    })

  staged(gateways.command('configure <files...>').description('bring site files to the gateways they name, stage after stage; one that is not well with its own goes back by itself, and that ends it'))
    .action(async (files: string[], { stages, reason, settle, within }: Terms, command: Command) => {
      const { api, print, site: wanted } = await open(command)
      const { readOrdered } = await import('../edge/ordered.ts')
      const { site, files: read } = await readOrdered(files, wanted)
      const update = await api.post<Update>('/v1/gateway-updates/site-files', { files: read, stages, settleSeconds: settle, withinSeconds: within, reason }, { site })
      print.line(`Site files (${update.version}) are on their way to ${counted(update.gateways.length, 'gateway')} in ${counted(update.stages, 'stage')}: twinward gateways updates ${update.id}. To stop it: twinward gateways stop-update ${update.id} --reason …`)
      print.document(update)
    })

  gateways.command('updates [update]').description('updates of gateways, programs and site files, newest first; or one, gateway by gateway').addOption(limitOption())
    .action(async (id: string | undefined, { limit }: { limit: number }, command: Command) => {
      const { api, print, site } = await open(command)
      if (id !== undefined) {
        const update = await api.get<Update>(addressOf(id), { site })
        print.line(headOf(update))
        print.table(update.gateways.map((row) => ({ ...row, stage: row.stage + 1 })), ['gateway', 'stage', 'state', 'orderedAt', 'wellSince', 'detail'])
        print.document(update)
        return
      }
      const page = await api.get<{ items: Update[]; nextCursor: string | null }>('/v1/gateway-updates', { site, limit })
      print.table(page.items.map((row) => ({ ...row, stage: `${row.stage + 1} of ${row.stages}`, done: row.gateways.filter(({ state }) => state === 'done').length, of: row.gateways.length })),
        siteColumns(['id', 'kind', 'version', 'state', 'stage', 'done', 'of', 'startedAt', 'startedBy', 'endedBecause'], site))
      print.more(limit, page)
      print.document(page)
    })

  gateways.command('stop-update <update>').description('stop an update at once: no other gateway is told; those that have it keep it').requiredOption('--reason <text>', 'why; goes into the audit')
    .action(async (id: string, { reason }: { reason: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const update = await api.post<Update>(`${addressOf(id)}/stop`, { reason }, { site })
      print.line(headOf(update))
      print.document(update)
    })
}

const staged = (command: Command): Command => command
  .requiredOption('--stages <stages...>', 'each a share of those it is for (10% 50% 100%) or gateways (gw-1,gw-2)', stage).requiredOption('--reason <text>', 'why; goes into the audit')
  .option('--settle <span>', 'so long each must have been well before the next stage', span, 600).option('--within <span>', 'so long one may take, its waiting for a connection included', span, 86_400)

const addressOf = (id: string): string => `/v1/gateway-updates/${encodeURIComponent(id)}`
const headOf = ({ kind, version, state, stage: at, stages, endedBecause }: Update): string => `${kind === 'program' ? 'Program' : 'Site files'}, ${version}: ${state}, stage ${at + 1} of ${stages}${endedBecause === null ? '' : ` (${endedBecause})`}`

/** commander hands over what came before; names and shares stand as they were written. */
function stage(text: string, before: Stage[] = []): Stage[] {
  const share = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text)?.[1]
  if (share !== undefined) return [...before, Number(share)]
  const names = text.split(',')
  if (!names.every((name) => slugSchema.safeParse(name).success)) throw new InvalidArgumentError('A stage is a share such as 10%, or gateways such as gw-1,gw-2.')
  return [...before, names]
}
