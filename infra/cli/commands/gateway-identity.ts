import { writeFile } from 'node:fs/promises'
import { InvalidArgumentError, type Command } from 'commander'
import { counted } from '../../../registry/domain/counted.ts'
import type { Open } from '../context.ts'
import { CliError } from '../errors.ts'
import { limitOption } from '../options.ts'

interface Page<T> { items: T[]; nextCursor: string | null }
interface Enrolment { id: string; site: string; gateway: string; token: string; expiresAt: string }
interface Certificate { fingerprint: string; state: string; issuedAt: string; notAfter: string; lastUsedAt: string | null; lastAddress: string | null; revokedBy: string | null; revokedBecause: string | null }
interface Authorities { yours: boolean; authorities: { id: string; signs: boolean; notAfter: string; certificates: number }[] }

/** Who a gateway is: below `gateways`, which lists them. */
export function addGatewayIdentityCommands(program: Command, gateways: Command, open: Open): void {
  gateways.command('enrol <gateway>').description('make a token by which a box becomes this gateway, once; it is shown this once')
    .option('--out <file>', 'write it there (0600) instead').option('--valid-hours <n>', 'how long it may be used', hours, 24)
    .action(async (gateway: string, { out, validHours }: { out?: string; validHours: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const { token, ...about } = await api.post<Enrolment>(`${pathOf(gateway)}/enrolments`, { validHours }, { site })
      if (out === undefined) print.line(token)
      else await writeFile(out, `${token}\n`, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
        throw new CliError('file', `${out} cannot be written (${error.code ?? error.message}). Name a file that is not there yet; the token made now is lost, and the next one takes its place.`)
      })
      print.line(`Good until ${about.expiresAt}, once. On the box: twinward-edge enrol SITE.yaml --token-file ${out ?? 'FILE'}`)
      print.document(out === undefined ? { token, ...about } : { ...about, out })
    })

  gateways.command('certificates <gateway>').description('certificates it was given, newest first').addOption(limitOption())
    .action(async (gateway: string, { limit }: { limit: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const page = await api.get<Page<Certificate>>(`${pathOf(gateway)}/certificates`, { site, limit })
      print.table(page.items.map((one) => ({ ...one, fingerprint: one.fingerprint.slice(0, 16) })), ['fingerprint', 'state', 'issuedAt', 'notAfter', 'lastUsedAt', 'lastAddress', 'revokedBy', 'revokedBecause'])
      print.document(page)
    })

  gateways.command('renew <gateway>').description('have a gateway exchange its key and certificate now, before that is due')
    .action(async (gateway: string, _options: unknown, command: Command) => {
      const { api, print, site } = await open(command)
      const ordered = await api.post<{ state: string }>(`${pathOf(gateway)}/renewals`, {}, { site })
      print.line(`${gateway} is told with its next report. What it was given: twinward gateways certificates ${gateway}${site === undefined ? '' : ` --site ${site}`}`)
      print.document(ordered)
    })

  gateways.command('revoke <gateway>').description('shut a gateway out, whatever it shows, until it is enrolled again').requiredOption('--reason <text>', 'why; who is turned away is told')
    .action(async (gateway: string, { reason }: { reason: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const done = await api.post<{ certificates: string[]; enrolments: number }>(`${pathOf(gateway)}/revoke`, { reason }, { site })
      print.line(`${gateway} is shut out: ${counted(done.certificates.length, 'certificate')} and ${counted(done.enrolments, 'unused token')} of it work no more. What it holds stays in its buffer. To let the rightful one in: twinward gateways enrol ${gateway}${site === undefined ? '' : ` --site ${site}`}`)
      print.document(done)
    })

  const authority = program.command('gateway-ca').description('the authorities that gateways’ certificates are by')
    .action(async (_options: unknown, command: Command) => {
      const { api, print } = await open(command)
      show(print, await api.get<Authorities>('/v1/gateway-ca'))
    })
  authority.command('rotate').description('make another authority, which signs from now on; the one before is trusted until its certificates were renewed')
    .action(async (_options: unknown, command: Command) => {
      const { api, print } = await open(command)
      show(print, await api.post<Authorities>('/v1/gateway-ca/rotate', {}))
    })
}

function show(print: Awaited<ReturnType<Open>>['print'], found: Authorities): void {
  print.table(found.authorities.map((one) => ({ ...one, id: one.id.slice(0, 16), signs: one.signs ? 'yes' : 'no' })), ['id', 'signs', 'certificates', 'notAfter'])
  print.document(found)
}

const pathOf = (gateway: string): string => `/v1/gateways/${encodeURIComponent(gateway)}`

function hours(text: string): number {
  const given = Number(text)
  if (!Number.isInteger(given) || given < 1 || given > 168) throw new InvalidArgumentError('It must be a whole number of hours from 1 to 168.')
  return given
}
