import { Document, isMap } from 'yaml'
import { createTagNames } from '../draft-names.ts'
import { ucumOf } from '../opcua/units.ts'
import type { Metric } from '../sparkplug/payload.ts'
import { isNumericType, typeName } from '../sparkplug/value.ts'
import type { Heard } from './listen.ts'
import type { JsonSurvey } from './survey-json.ts'

export interface MqttDraft {
  /** YAML: sources of a site file, to be looked through by a person. */
  readonly yaml: string
  readonly tags: number
  /** Metrics and topics that are no numbers. */
  readonly left: number
}

export interface DraftBroker { readonly url: string; readonly username?: string; readonly passwordEnv?: string }

interface DraftTag { readonly tag: string; readonly address: string; readonly kind?: 'waveform'; readonly unit: string; readonly note: string | null }

/** Drafts a source for Sparkplug, one for JSON, or both. Where a person must decide, a comment says so. */
export function draftSources({ json, births, others }: Heard, id: string, { url, username, passwordEnv }: DraftBroker): MqttDraft {
  const nameOf = createTagNames()
  const broker = { url, ...(username !== undefined && { username }), ...(passwordEnv !== undefined && { password: { env: passwordEnv } }) }
  const metrics = [...births].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([place, all]) => all.filter(({ name }) => name !== null && !/^(bdSeq$|Node Control\/|Device Control\/)/.test(name)).map((metric) => ({ place, metric })))
  const numeric = metrics.filter(({ metric }) => isNumericType(metric.datatype ?? 0))
  const sparkplugTags = numeric.map(({ place, metric }) => tagOfMetric(place, metric, nameOf))
  const topics = [...json].sort(([a], [b]) => (a < b ? -1 : 1))
  const jsonTags = topics.flatMap(([topic, survey]) => tagsOfTopic(topic, survey, nameOf))
  const messages = messagesOf(topics)
  const both = sparkplugTags.length > 0 && jsonTags.length > 0
  const sources = [
    ...sparkplugTags.length > 0 ? [{ head: { id, type: 'sparkplug', ...broker }, tags: sparkplugTags }] : [],
    ...jsonTags.length > 0 ? [{ head: { id: both ? `${id}-json` : id, type: 'mqtt-json', ...broker, ...(messages.length > 0 && { messages }) }, tags: jsonTags }] : [],
  ]
  const document = new Document(sources.map(({ head, tags }) => ({ ...head, tags: tags.map(({ note: _note, ...tag }) => tag) })))
  sources.forEach(({ tags }, i) => {
    for (const place of [[i, 'messages'], [i, 'tags']]) {
      const list = document.getIn(place) as { items?: unknown[] } | undefined
      list?.items?.forEach((entry, n) => {
        if (!isMap(entry)) return
        entry.flow = true
        const note = place[1] === 'tags' ? tags[n]?.note ?? null : null
        if (note !== null) entry.comment = ` ${note}`
      })
    }
  })
  const count = sparkplugTags.length + jsonTags.length
  return { yaml: count === 0 ? '' : document.toString({ lineWidth: 0, flowCollectionPadding: true }), tags: count, left: metrics.length - numeric.length + others }
}

function tagOfMetric(place: string, { name, datatype, unitProperty }: Metric, nameOf: (asset: string, name: string) => string): DraftTag {
  const unit = unitProperty === null ? null : SHOWN[unitProperty] ?? ucumOf({ displayName: { text: unitProperty } })
  const told = unitProperty === null ? 'the node names no unit' : `the node's unit is "${unitProperty}": write its UCUM code`
  return {
    tag: nameOf(place.split('/').at(-1) ?? '', name ?? ''), address: `${place}#${name ?? ''}`, unit: unit ?? '1',
    note: [typeName(datatype ?? 0), ...unit === null && datatype !== BOOLEAN ? [told] : []].join('; '),
  }
}

const BOOLEAN = 11
/** Units as screens show them. */
const SHOWN: Readonly<Record<string, string>> = { '°C': 'Cel', '°F': '[degF]', rpm: '/min', RPM: '/min', 'm³/h': 'm3/h', 'm³': 'm3', 'm/s²': 'm/s2', '°': 'deg', psi: '[psi]' }
/** Levels that name no machine. */
const PLAIN_LEVEL = /^(data|state|status|telemetry|json|values?|measurements?|up|event|out|raw|sensors?)$/i

function tagsOfTopic(topic: string, { numbers }: JsonSurvey, nameOf: (asset: string, name: string) => string): DraftTag[] {
  const levels = topic.split('/').filter((level) => level !== '')
  return numbers.map(({ path, names, waveform }) => {
    const bare = names.length === 0
    const above = bare ? levels.slice(0, -1) : levels
    const asset = above.findLast((level) => !PLAIN_LEVEL.test(level)) ?? above.at(-1) ?? 'asset'
    return {
      tag: nameOf(asset, bare ? levels.at(-1) ?? 'value' : names.join('-')), address: path === '' ? topic : `${topic}#${path}`, unit: '1',
      ...(waveform && { kind: 'waveform' as const }), note: waveform ? 'messages do not say units; set its sampleRateHz under messages, or remove it' : 'messages do not say units',
    }
  })
}

/** One entry for all topics whose messages are built alike; those with a waveform have their own, for a rate. */
function messagesOf(topics: readonly (readonly [string, JsonSurvey])[]): object[] {
  const entries = new Map<string, object>()
  const shapes = new Set(topics.map(([, survey]) => shapeOf(survey)).filter((shape) => shape !== '{}'))
  for (const [topic, survey] of topics) {
    const wave = survey.numbers.some(({ waveform }) => waveform)
    const shape = shapeOf(survey)
    if (wave) entries.set(topic, { topic, ...(JSON.parse(shape) as object), sampleRateHz: 1_000 })
    else if (shape !== '{}' && shapes.size > 1) entries.set(topic, { topic, ...(JSON.parse(shape) as object) })
  }
  // Where all are alike, one entry does, and where some say no time, it does no harm.
  if (shapes.size === 1) entries.set('#', JSON.parse([...shapes][0] ?? '{}') as object)
  return [...entries.values()]
}

function shapeOf({ time, quality }: JsonSurvey): string {
  return JSON.stringify({ ...(time && { time: time.is === 'iso' ? time.at : time }), ...(quality !== null && { quality }) })
}
