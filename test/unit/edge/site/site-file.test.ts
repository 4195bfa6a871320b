import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import type { ConnectorKind } from '../../../../edge/connectors/kind.ts'
import { assetImportFromSite } from '../../../../edge/site/assets.ts'
import { estimateSite } from '../../../../edge/site/estimate.ts'
import { bandwidthSchema, bytesSchema, rateSchema, spanSchema } from '../../../../edge/measures.ts'
import { parseSiteFile } from '../../../../edge/site/site-file.ts'
import { DomainError, refuse } from '../../../../registry/domain/errors.ts'
import { effort } from '../../../helpers/effort.ts'

const siteText = `version: 1
site: { id: hamburg, name: Hamburg works, timeZone: Europe/Berlin }
gateway: gw-1
platform: { mqtt: "mqtt://10.0.0.2:1883", username: gw-1, password: { file: mqtt-password } }
buffer: { directory: /var/lib/x, cap: 8 GiB, maxAge: 30 d, whenFull: thin, keepRaw: { for: 24 h, cap: 2 GiB } }
outage: { order: live-first, lateAfter: 2 min }
uplink: { bandwidth: 2 MB/s }
log: { file: edge.log, maxSize: 1 MB, keep: 3 }
assets:
  pump-1: { name: Pump 1, class: centrifugal-pump, family: cooling-pumps, area: utilities, line: cooling }
  pump-2: { class: centrifugal-pump, family: cooling-pumps }
templates:
  centrifugal-pump:
    - { role: motor_temperature, address: "a/{unit}/t", unit: Cel, every: 1s, range: { low: -20, high: 180 }, checks: { maxRate: 30/min, missingAfter: 10s } }
    - { role: flow, address: "a/{unit}/f", unit: m3/h, every: 500ms, ship: { aggregate: { every: 60s, of: mean } } }
sources:
  - id: plc-7
    type: plain
    host: 10.0.0.7
    tags:
      - { like: centrifugal-pump, asset: pump-2, with: { unit: 2 }, roles: { motor_temperature: { unit: "[degF]", scale: 0.1 }, flow: none } }
      - { like: centrifugal-pump, asset: pump-1, with: { unit: 1 } }
      - { tag: pump-1/vibration, address: v, kind: waveform, unit: "[g]", canonicalUnit: m/s2, ship: { around: { tag: pump-1/flow, below: 5, before: 10s, after: 60s } } }
      - { tag: pump-1/speed, address: s, unit: /min, deadband: 2, calibration: { due: 2027-05-01, certificate: C-1 } }
  - id: plc-8
    type: plain
    host: 10.0.0.8
    tags:
      - { tag: pump-2/speed, address: s, unit: /min }
`

const plain: ConnectorKind<{ host: string }> = {
  type: 'plain',
  config: z.strictObject({ host: z.string().describe('its address') }),
  checkAddress: (address) => { if (address.includes('!')) refuse('invalid', `the address "${address}" has a "!"; leave it out`) },
  create: () => { throw new Error('not run here') },
}
const parse = (text: string, env: Record<string, string> = {}) => parseSiteFile(text, 'site.yaml', { kinds: { plain: async () => plain }, env, folder: '/etc/twinward' })
const linesOf = async (text: string, env?: Record<string, string>): Promise<string[]> => parse(text, env).then(
  () => { throw new Error('was taken for right') },
  (error: unknown) => {
    assert.ok(error instanceof DomainError, String(error))
    assert.equal(error.code, 'invalid')
    return error.message.split('\n')
  })

suite('a site file becomes a plan', () => {
  test('with every setting', async () => {
    const { sources, ...rest } = (await parse(siteText)).plan
    assert.deepEqual(rest, {
      site: 'hamburg', gateway: 'gw-1', platform: { url: 'mqtt://10.0.0.2:1883', username: 'gw-1', password: { file: 'mqtt-password' } },
      buffer: { directory: '/var/lib/x', capBytes: 8 * 1024 ** 3, maxAgeMs: 30 * 86_400_000, whenFull: 'thin', keepRaw: { ageMs: 86_400_000, bytes: 2 * 1024 ** 3 } },
      outage: { first: 'live', lateAfterMs: 120_000 }, bandwidth: 2_000_000, health: { host: '127.0.0.1', port: 9464 },
      log: { file: '/etc/twinward/edge.log', maxBytes: 1_000_000, keep: 3 }, alarms: { rules: [], to: [], keepMs: 90 * 86_400_000 }, judge: { keepMs: 30 * 86_400_000 },
    })
    assert.deepEqual(sources.map(({ id, config }) => ({ id, config })), [{ id: 'plc-7', config: { host: '10.0.0.7' } }, { id: 'plc-8', config: { host: '10.0.0.8' } }])
    assert.deepEqual(sources[0]?.tags.at(-1), { address: 's', tag: 'pump-1/speed', kind: 'scalar', everyMs: null, deadband: 2 })
  })
  test('with templates filled in: addresses, what differs, what a machine lacks', async () => {
    const { plan } = await parse(siteText)
    assert.deepEqual(plan.sources[0]?.map.tags.slice(0, 3), [
      {
        address: 'a/2/t', tag: 'pump-2/motor-temperature', kind: 'scalar', unit: '[degF]', canonicalUnit: 'Cel', scale: 0.1, offset: 0,
        checks: { range: { low: -20, high: 180 }, maxRatePerSec: 0.5, missingAfterSeconds: 10 },
      },
      {
        address: 'a/1/t', tag: 'pump-1/motor-temperature', kind: 'scalar', unit: 'Cel', canonicalUnit: 'Cel', scale: 1, offset: 0,
        checks: { range: { low: -20, high: 180 }, maxRatePerSec: 0.5, missingAfterSeconds: 10 },
      },
      { address: 'a/1/f', tag: 'pump-1/flow', kind: 'scalar', unit: 'm3/h', canonicalUnit: 'm3/h', scale: 1, offset: 0, ship: { aggregate: { everySeconds: 60, of: 'mean' } } },
    ])
    assert.deepEqual(plan.sources[0]?.map.tags[3]?.ship, { around: { tag: 'pump-1/flow', below: 5, beforeSeconds: 10, afterSeconds: 60 } })
    assert.equal(plan.sources[0]?.map.tags[4]?.calibrationDueUs, Date.parse('2027-05-01T00:00:00Z') * 1000)
  })
  test('with the broker from the environment, and the folders systemd gives', async () => {
    const text = siteText.replace(/platform: .*\n/, '').replace('directory: /var/lib/x, ', '')
    const { plan } = await parse(text, { MQTT_URL: 'mqtts://b:8883', MQTT_USERNAME: 'u', MQTT_PASSWORD: 'p', STATE_DIRECTORY: '/var/lib/t', LOGS_DIRECTORY: '/var/log/t' })
    assert.deepEqual(plan.platform, { url: 'mqtts://b:8883', username: 'u', password: { env: 'MQTT_PASSWORD' } })
    assert.equal(plan.buffer.directory, '/var/lib/t/buffer')
    assert.equal(plan.log?.file, '/var/log/t/edge.log')
    assert.match((await linesOf(text))[0] ?? '', /^site\.yaml:1: platform: .*broker.*mqtt:.*MQTT_URL/)
  })
  test('whose sources change their digest only when something of theirs changes', async () => {
    const digests = async (text: string) => (await parse(text)).plan.sources.map(({ digest }) => digest)
    const [before, same, other] = [await digests(siteText), await digests(`# a comment\n${siteText}`), await digests(siteText.replace('deadband: 2', 'deadband: 3'))]
    assert.deepEqual(same, before)
    assert.notEqual(other[0], before[0])
    assert.equal(other[1], before[1])
  })
  test('and tells what to expect and what to register', async () => {
    const file = await parse(siteText)
    assert.deepEqual(estimateSite(file).map(({ id, tags, waveforms, readingsPerSec, atSourcesPace, shippedPerSec }) => [id, tags, waveforms, readingsPerSec, atSourcesPace, shippedPerSec]), [
      ['plc-7', 5, 1, 4, 2, 2.017], ['plc-8', 1, 0, 0, 1, 0],
    ])
    const document = assetImportFromSite(file)
    assert.deepEqual(document.assets.map(({ id, name, class: of, family, line }) => [id, name, of, family, line]), [
      ['pump-2', 'pump-2', 'centrifugal-pump', 'cooling-pumps', 'main'], ['pump-1', 'Pump 1', 'centrifugal-pump', 'cooling-pumps', 'cooling'],
    ])
    assert.deepEqual(document.tags.find(({ name, asset }) => name === 'speed' && asset === 'pump-1')?.calibration, { due: '2027-05-01T00:00:00.000Z', certificate: 'C-1' })
    assert.equal(document.tags[0]?.provenance?.device, 'plc-7')
    const bare = await parse(siteText.replace(/assets:\n.*\n.*\n/, ''))
    assert.throws(() => assetImportFromSite({ ...bare, tags: bare.tags.filter(({ like }) => like === null) }), { code: 'invalid', message: /"pump-1".*assets: \{ pump-1: \{ class/ })
  })
})

suite('each mistake is told with line and cure', () => {
  for (const [what, from, to, expected] of [
    ['a key that is none', 'bandwidth', 'bandwith', /:7: uplink\.bandwith: there is no such key; did you mean "bandwidth"\?/],
    ['a missing key', 'gateway: gw-1\n', '', /:1: gateway: is missing: this gateway's id/],
    ['a version', 'version: 1', 'version: 2', /:1: version: write version: 1/],
    ['bytes', 'cap: 8 GiB', 'cap: 8 gigs', /:5: buffer\.cap: write a number and kB, MB/],
    ['a time span', 'lateAfter: 2 min', 'lateAfter: 2 minutes', /:6: outage\.lateAfter: write a number and ms, s, min, h or d/],
    ['a time span without unit', 'lateAfter: 2 min', 'lateAfter: 120', /:6: outage\.lateAfter: write a number and ms, s/],
    ['a policy', 'whenFull: thin', 'whenFull: fat', /:5: buffer\.whenFull: write reject-newest, drop-oldest or thin/],
    ['an address to listen on', 'uplink:', 'health: { listen: nine }\nuplink:', /:7: health\.listen: write ADDRESS:PORT/],
    ['a password in the file', '{ file: mqtt-password }', 'hunter2', /:4: platform\.password: write \{ env: NAME \} or \{ file: PATH \}/],
    ['a type', 'type: plain\n    host: 10.0.0.7', 'type: plan\n    host: 10.0.0.7', /:18: sources\[plc-7\]\.type: no connector is called "plan"; did you mean "plain"\?/],
    ['a kind\'s own key', 'host: 10.0.0.7', 'hots: 10.0.0.7', /:19: sources\[plc-7\]\.hots: there is no such key; did you mean "host"\?/],
    ['a kind\'s missing key', '    host: 10.0.0.7\n', '', /:17: sources\[plc-7\]\.host: is missing: its address/],
    ['an address the kind refuses', 'address: v,', 'address: "v!",', /:23: sources\[plc-7\]\.tags\[pump-1\/vibration\]\.address: .*leave it out/],
    ['a doubled source', 'id: plc-8', 'id: plc-7', /:25: sources\[plc-7\]\.id: there are two sources "plc-7"/],
    ['a doubled tag', 'tag: pump-2/speed', 'tag: pump-1/speed', /:29: .*the tag pump-1\/speed is there already \(source plc-7\)/],
    ['a tag key', 'tag: pump-2/speed', 'tag: speed', /:29: sources\[plc-8\]\.tags\[speed\]\.tag: a tag key is "asset\/tag"/],
    ['a tag without unit', 'address: s, unit: /min }', 'address: s }', /:29: .*has no unit; add unit:/],
    ['a unit that is none', 'unit: /min }', 'unit: rpm }', /:29: sources\[plc-8\]\.tags\[pump-2\/speed\]\.unit: "rpm" is not a UCUM unit; did you mean "\/min"/],
    ['a unit of a template', 'unit: m3/h', 'unit: m^3/h', /:22: .*pump-1\/flow: "m\^3\/h" is not a UCUM unit; did you mean "m3\/h"/],
    ['units that do not convert', 'canonicalUnit: m/s2', 'canonicalUnit: bar', /:23: .*they measure different things/],
    ['a negative deadband', 'deadband: 2', 'deadband: -2', /:24: .*deadband: must not be negative/],
    ['a range upside down', 'low: -20, high: 180', 'low: 180, high: -20', /:14: .*range: low must be below high/],
    ['a rate', 'maxRate: 30/min', 'maxRate: fast', /:14: .*maxRate: write how much per s, min or h/],
    ['a rule that is none', 'ship: { aggregate: { every: 60s, of: mean } }', 'ship: { agregate: { every: 60s } }', /:15: .*ship: write all, or one of/],
    ['a rule with a slip within', 'of: mean', 'of: average', /:15: .*ship\.aggregate\.of: write mean, min, max/],
    ['an aggregate of a waveform', 'ship: { around: { tag: pump-1/flow, below: 5, before: 10s, after: 60s } }', 'ship: { aggregate: { every: 60s, of: mean } }', /:23: .*a waveform has no single value/],
    ['an event without a raw store', ', keepRaw: { for: 24 h, cap: 2 GiB }', '', /:23: .*ship: .*add buffer: \{ keepRaw/],
    ['an event longer than the raw store', 'for: 24 h', 'for: 30 s', /:23: .*take 70 s, but raw readings are kept for 30 s only; raise buffer\.keepRaw\.for/],
    ['an event of nobody', 'tag: pump-1/flow, below', 'tag: pump-1/flaw, below', /:23: .*the watched tag "pump-1\/flaw" is none of this source's; did you mean "pump-1\/flow"/],
    ['an event that never comes', 'below: 5, ', '', /:23: .*say above, below or both/],
    ['missing sooner than it comes', 'missingAfter: 10s', 'missingAfter: 1s', /:21: .*missingAfter 1 s is not longer than every 1 s/],
    ['a template that is none', 'like: centrifugal-pump, asset: pump-2', 'like: pump, asset: pump-2', /:21: .*like: there is no template "pump"; there are: centrifugal-pump/],
    ['a role that is none', 'roles: { motor_temperature:', 'roles: { motor_temp:', /:21: .*has no such role; did you mean "motor_temperature"\?/],
    ['a placeholder without text', 'with: { unit: 1 }', 'with: { uint: 1 }', /:22: .*add with: \{ unit: … \}/],
    ['a template without address', 'role: flow, address: "a/{unit}/f"', 'role: flow', /:22: .*gives flow no address; add roles: \{ flow: \{ address/],
    ['an asset that is none', 'tag: pump-2/speed', 'tag: pumb-2/speed', /:29: .*the asset "pumb-2" is not among assets; did you mean "pump-2"\?/],
    ['a date', 'due: 2027-05-01', 'due: May 2027', /:24: .*due: write a date such as 2027-05-01/],
    ['no sources', /sources:[^]*/, 'sources: []', /:16: sources: must name one source at least/],
    ['broken YAML', 'site: {', 'site: {{', /^site\.yaml:\d+: /],
    ['an alias of nothing', 'address: s,', 'address: *s,', /^site\.yaml:24: there is no anchor "&s" before the alias/],
    ['a merge of what is no map', 'uplink:', '<<: 7\nuplink:', /^site\.yaml: Merge sources must be maps/],
  ] as const) {
    test(what, async () => {
      const text = siteText.replace(from, to)
      assert.notEqual(text, siteText)
      const lines = await linesOf(text)
      assert.ok(lines.some((line) => expected.test(line)), `${expected}\n${lines.join('\n')}`)
    })
  }
  test('all in one message, in the order of the file, and nothing that follows from another', async () => {
    const lines = await linesOf(siteText.replace('gateway: gw-1\n', '').replace('8 GiB', '8').replace('unit: /min }', 'unit: rpm }'))
    assert.deepEqual(lines.map((line) => line.split(': ').slice(0, 2).join(' ')), ['site.yaml:1 gateway', 'site.yaml:4 buffer.cap', 'site.yaml:28 sources[plc-8].tags[pump-2/speed].unit'])
  })
  test('one mistake hides no other: what does not depend on it is checked all the same', async () => {
    // The file's own keys, the head of a source, and beside them an asset, a template, a rule and a unit.
    const lines = await linesOf(siteText.replace('gateway: gw-1\n', '').replace('  - id: plc-8', '  - id: PLC 8').replace('platform: { mqtt: "mqtt://10.0.0.2:1883", ', 'platform: { ')
      .replace('tag: pump-2/speed', 'tag: pumb-2/speed').replace('unit: /min }', 'unit: rpm }').replace('with: { unit: 1 }', 'with: { uint: 1 }').replace('below: 5, before', 'below: 5, after: 5 d, before').replace(', after: 60s } }', ' } }'))
    const all = lines.join('\n')
    for (const expected of [/gateway: is missing/, /\.id: a slug|\.id: /, /platform: does not say where the platform's broker is/, /"pumb-2" is not among assets/, /"rpm" is not a UCUM unit/, /add with: \{ unit: … \}/, /raw readings are kept for 1 d only/]) assert.match(all, expected)
  })
  test('what a source\'s kind says of its config and its tags', async () => {
    const push = (more: string) => parseSiteFile(`version: 1
site: works
gateway: gw-1
platform: { mqtt: "mqtt://h" }
sources:
  - id: push
    type: http-push
    tokens:
      - name: line
        secret: { env: LINE }
        ${more}
    tags: [{ tag: pump-1/speed, address: s, unit: "1" }]
`, 'site.yaml')
    await push('assets: [pump-1]')
    await assert.rejects(push('assets: [pump-1, pumb-1]'), (error: Error) => /^site\.yaml:11: .*no tag of this source is of the asset "pumb-1"; did you mean "pump-1"\?; line could send nothing for it$/.test(error.message))
    const csv = (delimiter: string) => parseSiteFile(`version: 1
site: works
gateway: gw-1
platform: { mqtt: "mqtt://h" }
sources:
  - id: exports
    type: csv-folder
    folder: /srv/exports
    mode: live
    time: { column: t, zone: UTC }
    delimiter: ${delimiter}
    tags: [{ tag: pump-1/speed, address: s, unit: "1" }]
`, 'site.yaml')
    await csv('"\\t"')
    await assert.rejects(csv('";;"'), (error: Error) => /^site\.yaml:11: .*delimiter: write the one character between two cells/.test(error.message))
  })
  test('whatever is written, it is a plan or a refusal', async () => {
    const words = fc.constantFrom('{', '}', '[', ']', ':', '-', '\n', '  ', 'tags', 'sources', '"', '&a', '*a', '<<', 'null', '1e9', 'like', ',', '!!binary', '|')
    await fc.assert(fc.asyncProperty(fc.nat(siteText.length), fc.nat(40), fc.array(words, { maxLength: 5 }), async (at, cut, put) => {
      await parse(siteText.slice(0, at) + put.join('') + siteText.slice(at + cut)).catch((error: unknown) => { assert.ok(error instanceof DomainError, String(error instanceof Error ? error.stack : error)) })
    }), { numRuns: effort(300) })
  })
})

suite('as people write them', () => {
  test('bytes, bandwidths, rates, time spans', () => {
    for (const [text, bytes] of [['8 GiB', 8 * 1024 ** 3], ['500MB', 5e8], ['1.5 KiB', 1536], ['10 B', 10]] as const) assert.equal(bytesSchema.parse(text), bytes)
    for (const text of ['8', '8 gb', '-1 MB', 'GiB', '', '0 MB', '1e3 MB', 8]) assert.equal(bytesSchema.safeParse(text).success, false, String(text))
    assert.equal(bandwidthSchema.parse('2 MB/s'), 2e6)
    assert.equal(bandwidthSchema.parse('250kB / s'), 250e3)
    for (const text of ['2 MB', '2 MB/min', '/s']) assert.equal(bandwidthSchema.safeParse(text).success, false, text)
    for (const [text, rate] of [['5/s', 5], ['30/min', 0.5], ['1.8 / h', 0.0005], [4, 4]] as const) assert.equal(rateSchema.parse(text), rate)
    for (const text of ['5', '-1/s', '0/s', 0, '5/week', 'x/s']) assert.equal(rateSchema.safeParse(text).success, false, String(text))
    for (const [text, ms] of [['250 ms', 250], ['5s', 5000], ['1.5h', 5_400_000], ['30 d', 30 * 86_400_000]] as const) assert.equal(spanSchema.parse(text), ms)
    for (const text of ['0s', '5', '5 m', '-5s', 5]) assert.equal(spanSchema.safeParse(text).success, false, String(text))
  })
})
