import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { z } from 'zod'
import type { AlarmRule } from '../../../../edge/alarms/rule.ts'
import type { ConnectorKind } from '../../../../edge/connectors/kind.ts'
import { parseSiteFile } from '../../../../edge/site/site-file.ts'
import { DomainError, refuse } from '../../../../registry/domain/errors.ts'

const plain: ConnectorKind<object> = { type: 'plain', checkWrite: (address, value) => { if (value > 1) refuse('invalid', `${address} takes 0 or 1`) }, config: z.strictObject({}), checkAddress: () => {}, create: () => { throw new Error('not run here') } }
const siteText = (rules: string, to = '') => `version: 1
site: hamburg
gateway: gw-1
platform: { mqtt: "mqtt://10.0.0.2:1883" }
alarms:
  rules:
${rules}
${to}
templates:
  pump:
    - { role: temperature, address: "{unit}/t", unit: Cel, every: 1s, range: { low: -20, high: 180 } }
    - { role: flow, address: "{unit}/f", unit: m3/h }
sources:
  - id: plc
    type: plain
    writable: ["coil"]
    tags:
      - { like: pump, asset: pump-1, with: { unit: 1 } }
      - { like: pump, asset: pump-2, with: { unit: 2 }, roles: { flow: none } }
      - { tag: fan-1/speed, address: s, unit: /min }
      - { tag: fan-1/vibration, address: v, kind: waveform, unit: m/s2 }
`
const parse = (text: string) => parseSiteFile(text, 'site.yaml', { kinds: { plain: async () => plain }, folder: '/etc/twinward' })
const rulesOf = async (rules: string): Promise<readonly AlarmRule[]> => (await parse(siteText(rules))).plan.alarms.rules
const linesOf = async (text: string): Promise<string[]> => parse(text).then(
  () => { throw new Error('was taken for right') },
  (error: unknown) => {
    assert.ok(error instanceof DomainError, String(error))
    return error.message.split('\n')
  })

suite('alarm rules of a site file', () => {
  test('a rule for machines alike is one for each machine that has the instruments', async () => {
    assert.deepEqual(await rulesOf('    - { name: hot, like: pump, when: { role: temperature, above: 90, deadband: 5 }, onDelay: 10s, severity: high, action: Stop it. }'), ['pump-1', 'pump-2'].map((asset) => ({
      asset, name: 'hot', when: { kind: 'range', tag: `${asset}/temperature`, above: 90, below: null, deadband: 5 }, onDelayUs: 10_000_000, offDelayUs: 0, severity: 'high', message: 'hot', recommendedAction: 'Stop it.',
    })))
    const dry = await rulesOf('    - { name: runs-dry, like: pump, when: { all: [{ role: flow, below: 1 }, { any: [{ role: temperature, rises: 6/min, over: 30s }, { role: temperature, missing: 10s }] }] }, severity: low, message: It runs dry }')
    assert.deepEqual(dry.map(({ asset, when }) => ({ asset, when })), [{ asset: 'pump-1', when: { kind: 'all', of: [
      { kind: 'range', tag: 'pump-1/flow', above: null, below: 1, deadband: 0 },
      { kind: 'any', of: [{ kind: 'rate', tag: 'pump-1/temperature', rises: 0.1, falls: null, overUs: 30_000_000, deadband: 0 }, { kind: 'missing', tag: 'pump-1/temperature', afterUs: 10_000_000 }] },
    ] } }])
  })

  const when = (text: string) => `    - { name: r, when: ${text}, severity: high }`
  for (const [what, rules, expected] of [
    ['a tag that is not there', when('{ tag: fan-1/sped, above: 1 }'), /:7: alarms\.rules\[1\]\.when\.tag: there is no tag "fan-1\/sped"; did you mean "fan-1\/speed"\?/],
    ['a waveform', when('{ tag: fan-1/vibration, above: 1 }'), /waveform and has no value/],
    ['a role without a template', when('{ role: flow, above: 1 }'), /a role is of a template/],
    ['tag and role', when('{ tag: fan-1/speed, role: flow, above: 1 }'), /name a tag, or \(with like:\) a role/],
    ['no limit', when('{ tag: fan-1/speed }'), /write one of|say above, below or both/],
    ['a template that is not there', '    - { name: r, like: pumps, when: { role: flow, above: 1 }, severity: high }', /no template "pumps"; did you mean "pump"\?/],
    ['a role that no machine has', '    - { name: r, like: pump, when: { role: flo, above: 1 }, severity: high }', /no machine like "pump" has the role "flo"; did you mean "flow"\?/],
    ['a tag where a role belongs', '    - { name: r, like: pump, when: { tag: pump-1/flow, above: 1 }, severity: high }', /speaks of roles/],
    ['two of one name', `${when('{ tag: fan-1/speed, above: 1 }')}\n${when('{ tag: fan-1/speed, above: 2 }')}`, /:8: alarms\.rules\[2\]\.name: fan-1 has a rule "r" already/],
    ['a severity', '    - { name: r, when: { tag: fan-1/speed, above: 1 }, severity: bad }', /write low, medium, high or urgent/],
    ['no end: the deadband reaches beyond what the tag gives', when('{ tag: pump-1/temperature, above: 90, deadband: 120 }'), /gives -20 to 180, and never one at which it is over \(to -30\): it would never end/],
    ['no end: two limits whose deadbands meet', when('{ tag: fan-1/speed, above: 20, below: 10, deadband: 6 }'), /leave no value at which it is over.*smaller than 5/],
    ['no end: a rate that standing still does not clear', when('{ tag: fan-1/speed, rises: 5/s, over: 10s, deadband: 5/s }'), /reaches to standing still: it would never end/],
    ['no end: missed between any two readings', when('{ tag: pump-1/temperature, missing: 1s }'), /not longer than pump-1\/temperature is read \(every 1 s\)/],
    ['no beginning', when('{ tag: pump-1/temperature, above: 200 }'), /never breaks the limit: it would never be raised/],
    ['a deadband below nothing', when('{ tag: fan-1/speed, above: 1, deadband: -1 }'), /must not be negative/],
  ] as const) {
    test(`${what} is told with line and cure`, async () => {
      const lines = await linesOf(siteText(rules))
      assert.match(lines.join('\n'), expected)
    })
  }

  test('a machine is written to where its source allows the address, and an output says so', async () => {
    const { plan } = await parse(siteText(when('{ tag: fan-1/speed, above: 1 }'), '  to:\n    - { id: horn, type: write, source: plc, address: coil, while: unacknowledged }'))
    assert.deepEqual(plan.alarms.to, [{ id: 'horn', type: 'write', source: 'plc', address: 'coil', on: 1, off: 0, while: 'unacknowledged', atLeast: 'low' }])
    assert.deepEqual(plan.sources[0]?.writable, ['coil'])
  })

  for (const [what, to, expected] of [
    ['an address that is not allowed', '{ id: horn, type: write, source: plc, address: other }', /the source plc does not let it be written; add writable: \["other"\]/],
    ['a source that is not there', '{ id: horn, type: write, source: plx, address: coil }', /no source "plx"; did you mean "plc"\?/],
    ['a value that the address cannot have', '{ id: horn, type: write, source: plc, address: coil, on: 5 }', /coil takes 0 or 1/],
    ['no difference between on and off', '{ id: horn, type: write, source: plc, address: coil, on: 0 }', /on and off are both 0/],
    ['two writers of one address', '{ id: horn, type: write, source: plc, address: coil }\n    - { id: lamp, type: write, source: plc, address: coil }', /horn writes there too/],
    ['a type', '{ id: horn, type: siren }', /write type: mqtt, http or write/],
    ['a wildcard in a topic', '{ id: horn, type: mqtt, url: "mqtt://h", topic: "a/#" }', /a topic to publish to has no space, # or \+/],
    ['a token in the file', '{ id: horn, type: http, url: "https://h/x", token: abc }', /write \{ env: NAME \} or \{ file: PATH \}/],
    ['the platform\'s name', '{ id: platform, type: http, url: "https://h/x" }', /the platform is told anyway/],
  ] as const) {
    test(`${what} of an output is told`, async () => {
      assert.match((await linesOf(siteText(when('{ tag: fan-1/speed, above: 1 }'), `  to:\n    - ${to}`))).join('\n'), expected)
    })
  }
})
