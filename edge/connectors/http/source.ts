import { DomainError } from '../../../registry/domain/errors.ts'
import { untilAborted } from '../../bell.ts'
import { hostOf, isLoopback } from '../../loopback.ts'
import type { Block } from '../../raw-entry.ts'
import type { Outlet, Source, SourceHealth } from '../../source.ts'
import type { ConnectorContext } from '../kind.ts'
import { inBlocks, type RawReading } from '../blocks.ts'
import { createSuspects } from '../suspects.ts'
import { createSenders, type Sender } from './access.ts'
import { comeAgain, isRefusalCode, problem, type Answer } from './answer.ts'
import { collect, inflate } from './body.ts'
import type { HttpPushConfig } from './config.ts'
import { newCounters } from './counters.ts'
import { decodeBody, formatOf, modeOf, takenTypes, type BodyFormat, type PushMode } from './decode.ts'
import { createProgress, type Newest } from './progress.ts'
import { createRecordReader, type Pushed, type PushTag } from './record.ts'
import { createRepeats, type Counts } from './repeats.ts'
import { openPushServer, type PushRequest, type PushServer } from './server.ts'

const PATH = '/v1/ingest'
/** How long a machine waits for the disk before it is told to come again. */
const ANSWER_WITHIN_MS = 30_000
const FULL_RETRY_S = 10
const LONGEST_KEY = 200

export function createHttpPushSource(config: HttpPushConfig, context: ConnectorContext): Source {
  const { id, map, log } = context
  const { limits } = config
  const findSender = createSenders(config.tokens, limits.requestsPerSecond, context.secret)
  const tags = tagsByName(context)
  const counters = newCounters()
  const suspects = createSuspects(log, () => performance.now())
  const repeats = createRepeats(id)
  const progress = createProgress([...new Set([...tags.values()].flatMap(({ assets }) => assets))], {
    latenessUs: config.lateness * 1_000, quietUs: config.quietAfter * 1_000, startedUs: context.nowUs(),
  })
  const time = createRequestClock(() => context.nowUs())
  let atWork = 0
  let listening = false
  let certificate: string | null = null

  /** Refusals by what is known before the body; the sender when there is none. */
  function admit({ method, path, headers }: PushRequest): Answer | { sender: Sender; format: BodyFormat } {
    if (path !== PATH) return problem('not_found', `here is only POST ${PATH}`)
    if (method !== 'POST') return problem('method_not_allowed', `send readings with POST ${PATH}`, { allow: 'POST' })
    const sender = findSender(headers['authorization'])
    if (!sender) {
      counters.unauthenticated++
      return problem('unauthenticated', 'send "Authorization: Bearer TOKEN" with a token that the site file names', { 'www-authenticate': `Bearer realm="${id}"` })
    }
    const waitS = sender.spend(performance.now())
    if (waitS > 0) {
      counters.over_rate++
      return comeAgain('too_many_requests', `${sender.name} sends more than ${limits.requestsPerSecond} requests a second; send several readings in one, or raise limits.requestsPerSecond in the site file`, waitS)
    }
    const format = formatOf(headers['content-type'])
    const encoding = headers['content-encoding'] ?? 'identity'
    if (!format || (encoding !== 'gzip' && encoding !== 'identity')) {
      counters.unsupported++
      return problem('unsupported_media_type', `send Content-Type: ${takenTypes.join(', ')} in UTF-8, as it is or with Content-Encoding: gzip`, { 'accept-post': takenTypes.join(', ') })
    }
    if (Number(headers['content-length'] ?? 0) > limits.body) {
      counters.too_large++
      return problem('too_large', `the body is over ${limits.body} bytes, the most that is taken here; send less at once, or raise limits.body in the site file`)
    }
    if ((headers['idempotency-key'] ?? '').length > LONGEST_KEY) return problem('invalid', `the Idempotency-Key is longer than ${LONGEST_KEY} characters; a UUID will do`)
    if (atWork >= limits.concurrent) {
      counters.put_off++
      return comeAgain('unavailable', `${limits.concurrent} requests are being worked on; come again, or raise limits.concurrent in the site file`, 1)
    }
    return { sender, format }
  }

  async function handle(request: PushRequest, outlet: Outlet): Promise<Answer | null> {
    counters.requests++
    const admitted = admit(request)
    if ('status' in admitted) return admitted
    const { sender, format } = admitted
    atWork++
    let body: Uint8Array = new Uint8Array()
    const work = (async () => {
      body = await collect(request.body(), limits.body)
      if (request.headers['content-encoding'] === 'gzip') body = await inflate(body, limits.unpacked)
      const nowUs = time.now()
      const reader = createRecordReader({ tags, assets: sender.assets, numericTime: config.numericTime, nowUs })
      const mode = decodeBody(body, format, reader) ?? modeOf(request.query.get('mode')) ?? 'live'
      return store(outlet, { sender, body, pushed: reader.result(), mode, nowUs, key: request.headers['idempotency-key'] })
    })().catch((error: unknown) => failure(error, sender, body)).finally(() => { atWork-- })
    return within(work)
  }

  /** Answers only when the buffer has it on disk; a place stays taken until then, whatever the machine was told. */
  async function store(outlet: Outlet, { sender, body, pushed, mode, nowUs, key }: { sender: Sender; body: Uint8Array; pushed: Pushed; mode: PushMode; nowUs: number; key: string | undefined }): Promise<Answer> {
    const counts: Counts = { readings: pushed.readings.length + pushed.gatewayTimed.length, waveforms: pushed.waveforms.length, refused: pushed.refused }
    const [first] = pushed.problems
    counters.refused += counts.refused
    if (first) suspects.note(sender.name, body, `${first.at}: ${first.detail}`)
    if (counts.readings + counts.waveforms === 0) {
      if (!first) return problem('invalid', 'the body holds neither readings nor waveforms; send at least one')
      return problem('unprocessable', `none of ${counts.refused} could be taken; the first: ${first.at}: ${first.detail}`, {}, pushed.problems)
    }
    const { blocks, gatewayTimed } = blocksOf(pushed)
    const newest = mode === 'live' ? newestOf(pushed) : new Map<string, number>()
    const through = mode === 'live' ? progress.through(newest, nowUs) : undefined
    const deliver = (position?: { key: string; value: unknown }) => outlet.deliver({
      mode, blocks, gatewayTimed, offered: true, ...(through !== undefined && { completeThroughUs: through }), ...(position && { position }),
    })
    const outcome = key === undefined ? (await deliver()) ? 'taken' : 'not taken' : await repeats.once(outlet, { sender: sender.name, key, body, counts }, deliver)
    if (outcome === 'not taken') {
      counters.put_off++
      return comeAgain('unavailable', 'the buffer is full, or the gateway is about to stop; nothing of this was taken: keep it and come again', FULL_RETRY_S)
    }
    if (outcome !== 'taken') {
      counters.repeated++
      return { status: 200, headers: { 'idempotency-replayed': 'true' }, body: { ...outcome, problems: pushed.problems } }
    }
    counters.readings += counts.readings
    counters.waveforms += counts.waveforms
    progress.stored(newest, context.nowUs())
    if (!first) suspects.settle(sender.name)
    return { status: 200, headers: {}, body: { ...counts, problems: pushed.problems } }
  }

  function newestOf({ readings, gatewayTimed, waveforms }: Pushed): Newest {
    const newest = new Map<string, number>()
    const note = (address: string, us: number) => { for (const asset of tags.get(address)?.assets ?? []) newest.set(asset, Math.max(newest.get(asset) ?? -Infinity, us)) }
    for (const { address, sourceUs } of [...readings, ...gatewayTimed]) note(address, sourceUs)
    for (const { address, startUs } of waveforms) note(address, startUs)
    return newest
  }

  function failure(error: unknown, sender: Sender, body: Uint8Array): Answer | null {
    if (error instanceof DomainError && isRefusalCode(error.code)) {
      if (error.code === 'too_large') counters.too_large++
      else if (error.code === 'invalid') counters.malformed++
      if (error.code !== 'idempotency_conflict') suspects.note(sender.name, body, error.message)
      return problem(error.code, error.message)
    }
    if (error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'ERR_STREAM_PREMATURE_CLOSE')) {
      counters.broken_off++
      return null
    }
    log.error({ err: error, source: id }, 'a request could not be worked on')
    return problem('internal', 'something went wrong on our side; the gateway\'s log says what. Keep the readings and come again.', { 'retry-after': String(FULL_RETRY_S) })
  }

  function within(work: Promise<Answer | null>): Promise<Answer | null> {
    let timer: NodeJS.Timeout | undefined
    const tooLong = new Promise<Answer>((resolve) => {
      timer = setTimeout(() => {
        counters.put_off++
        resolve(comeAgain('unavailable', 'the gateway cannot say yet that this is safe on its disk; come again with the same Idempotency-Key, or the same times, and nothing is stored twice', FULL_RETRY_S))
      }, ANSWER_WITHIN_MS)
    })
    return Promise.race([work, tooLong]).finally(() => { clearTimeout(timer) })
  }

  return {
    id,
    mode: 'live',
    time: 'device',
    map,
    health(): SourceHealth {
      const detail = [certificate, suspects.describe()].filter((text) => text !== null).join('; ')
      return { state: !listening ? 'starting' : detail === '' ? 'ok' : 'degraded', detail: detail === '' ? null : detail, counters: { ...counters, at_work: atWork } }
    },
    async run(outlet, signal) {
      if (signal.aborted) return
      let server: PushServer | undefined
      try {
        server = await openPushServer({
          listen: config.listen, tls: config.tls, secret: context.secret,
          handle: (request) => handle(request, outlet),
          onCertificate: (text) => { certificate = text },
        })
        listening = true
        log.info({ source: id, listen: config.listen, port: server.port, tls: config.tls !== undefined }, 'machines may send readings')
        if (!config.tls && !isLoopback(hostOf(config.listen))) log.warn({ source: id, listen: config.listen }, 'tokens and readings cross the network in the clear; give the source a certificate (tls)')
        outlet.connected()
        await untilAborted(signal, server.failed)
      } finally {
        listening = false
        await server?.close()
      }
    },
  }
}

function tagsByName({ map }: ConnectorContext): Map<string, PushTag> {
  const out = new Map<string, { kind: PushTag['kind']; units: string[]; assets: string[] }>()
  for (const { address, tag, kind, unit } of map.tags) {
    const [asset = ''] = tag.split('/')
    const known = out.get(address) ?? { kind, units: [], assets: [] }
    if (!known.units.includes(unit)) known.units.push(unit)
    if (!known.assets.includes(asset)) known.assets.push(asset)
    out.set(address, known)
  }
  return out
}

function blocksOf({ readings, gatewayTimed, waveforms }: Pushed): { blocks: Block[]; gatewayTimed: Block[] } {
  const packed = (list: readonly RawReading[]): Block[] => inBlocks(list)
  const waves = waveforms.map(({ gatewayTimed: byGateway, ...row }) => ({ byGateway, block: { kind: 'waveforms' as const, rows: [row] } }))
  const late = [...packed(gatewayTimed), ...waves.filter(({ byGateway }) => byGateway).map(({ block }) => block)]
  return { blocks: [...packed(readings), ...late, ...waves.filter(({ byGateway }) => !byGateway).map(({ block }) => block)], gatewayTimed: late }
}

/** No two requests get the same time: two equal readings without a time of their own are two readings. */
function createRequestClock(nowUs: () => number): { now(): number } {
  let lastUs = -Infinity
  return {
    now() {
      const us = nowUs()
      // A clock that was set back far is followed.
      lastUs = us > lastUs || lastUs - us > 1_000_000 ? us : lastUs + 1
      return lastUs
    },
  }
}

