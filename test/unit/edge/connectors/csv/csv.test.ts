import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, suite, test } from 'node:test'
import { parseCsvMap, type CsvMap } from '../../../../../edge/connectors/csv/map.ts'
import { describeProblem } from '../../../../../edge/connectors/csv/problem.ts'
import { readCsv, type CsvRow } from '../../../../../edge/connectors/csv/rows.ts'
import { assetImportFromMap, demandGoodRows, planImport, readCsvMap } from '../../../../../edge/import-csv.ts'
import { qualityReasonsOf } from '../../../../../registry/domain/contract/quality.ts'
import { DomainError } from '../../../../../registry/domain/errors.ts'

const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-csv-'))
after(() => { rmSync(directory, { recursive: true }) })
let files = 0
function fileOf(text: string | Buffer): string {
  const file = path.join(directory, `file-${++files}.csv`)
  writeFileSync(file, text)
  return file
}

const mapText = `version: 1
site: works
asset: { id: pump-1, name: Pump 1, class: centrifugal-pump, family: pumps }
time: { column: when, zone: Europe/Berlin }
delimiter: ';'
ignore: [label]
tags:
  - { column: T, tag: temp, role: temperature, unit: '[degF]', canonicalUnit: Cel }
  - { column: P, tag: pressure, role: pressure, unit: bar, range: { low: 0, high: 10 } }
`
const map = parseCsvMap(mapText, 'map.yaml')
const planOf = (text: string | Buffer, more: Partial<CsvMap> = {}) => planImport({ map: { ...map, ...more }, files: [fileOf(text)] })

async function rowsOf(text: string | Buffer, more: Partial<CsvMap> = {}): Promise<CsvRow[]> {
  const rows: CsvRow[] = []
  for await (const row of readCsv(fileOf(text), { ...map, ...more }).rows) rows.push(row)
  return rows
}

test('a file that has grown is known again by one reading: the digest of what it was, and of what it is', async () => {
  const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  const text = Buffer.from(`when;T;P;label\n${Array.from({ length: 2_000 }, (_, i) => `2026-03-01 12:00:00;${i};1;${'x'.repeat(300)}\n`).join('')}`)
  assert.ok(text.byteLength > 2 * 256 * 1024, 'several chunks')
  for (const firstBytes of [1, 256 * 1024, 256 * 1024 + 1, text.byteLength - 1, text.byteLength]) {
    const reading = readCsv(fileOf(text), map, { firstBytes })
    for await (const row of reading.rows) assert.ok('sourceUs' in row)
    assert.deepEqual([reading.digestOfFirst(), reading.digest()], [sha(text.subarray(0, firstBytes)), sha(text)])
  }
  const shorter = readCsv(fileOf(text), map, { bytesAtMost: 100, firstBytes: 200 })
  for await (const _row of shorter.rows) { /* to its end */ }
  assert.equal(shorter.digestOfFirst(), null)
})

suite('a map with mistakes is refused with file, line and cure', () => {
  for (const [what, from, to, expected] of [
    ['a slug', 'tag: temp', 'tag: Temp!', /map\.yaml:8: tags\[Temp!\]\.tag: use 1–63 of a–z/],
    ['an unknown key', 'ignore: [label]', 'ignored: [label]', /map\.yaml:\d+: ignored: there is no such key; did you mean "ignore"\?/],
    ['a zone', 'Europe/Berlin', 'Berlin', /map\.yaml:4: time\.zone: not an IANA time zone/],
    ['a format', 'zone: Europe', 'format: "dd/mm", zone: Europe', /map\.yaml:4: time\.format: use iso, unix-s/],
    ['a doubled tag', 'tag: pressure', 'tag: temp', /map\.yaml:9: tags\[temp\]\.tag: "temp" is there twice/],
    ['broken YAML', 'ignore: [label]', 'ignore: [label', /map\.yaml:\d+: /],
  ] as const) {
    test(what, () => { assert.throws(() => parseCsvMap(mapText.replace(from, to), 'map.yaml'), { code: 'invalid', message: expected }) })
  }
  test('a unit that is none, before any file is read', async () => {
    const tags = map.tags.map((tag) => ({ ...tag, unit: 'degF' }))
    await assert.rejects(planImport({ map: { ...map, tags }, files: ['/nowhere.csv'] }), { code: 'unit_unknown', message: /pump-1\/temp.*\[degF\]/ })
  })
})

suite('rows', () => {
  test('become readings; empty cells and NaN are bad with their reason', async () => {
    const rows = await rowsOf('\uFEFFwhen;T;P;label\n2026-01-01 00:00:00;212;1.5;x\n\n2026-01-01T00:00:01.25Z;;NaN;\n')
    assert.deepEqual(rows.map(({ line }) => line), [2, 4])
    const [first, second] = rows
    assert.ok(first && 'raw' in first && second && 'raw' in second)
    assert.equal(first.sourceUs, Date.UTC(2025, 11, 31, 23) * 1000)
    assert.deepEqual([...first.raw], [212, 1.5])
    assert.equal(second.sourceUs, Date.UTC(2026, 0, 1, 0, 0, 1, 250) * 1000)
    assert.deepEqual([...second.quality].map(qualityReasonsOf), [['missing'], ['notFinite']])
  })

  test('tell file, line, column and cure of each mistake', async () => {
    const { problems, badRows, rows } = await planOf('when;T;P\n2026-01-01 00:00:00;1;2\nyesterday;1;2\n2026-01-01 00:00:02;warm;2,5\n2026-01-01 00:00:03;1\n')
    const name = `file-${files}.csv`
    assert.deepEqual([rows, badRows], [4, 3])
    assert.deepEqual(problems.map(describeProblem), [
      `${name}:3: column "when": "yesterday" is not a time in the format "iso"; correct the cell, or time.format in the map`,
      `${name}:4: column "T": "warm" is not a number; correct the cell, or leave it empty if there was no value`,
      `${name}:4: column "P": "2,5" is not a number; correct the cell, or set decimal: "," in the map`,
      `${name}:5: 2 cells where the header has 3; the line is cut off or a cell contains an unquoted ";"`,
    ])
  })

  test('with a decimal comma read as such', async () => {
    const [row] = await rowsOf('when;T;P\n2026-01-01 00:00:00;1,5;-,25e1\n', { decimal: ',' })
    assert.ok(row && 'raw' in row)
    assert.deepEqual([...row.raw], [1.5, -2.5])
  })

  for (const [what, text] of [
    ['Windows first, then Unix', 'when;T;P\r\n2026-01-01 00:00:00;1;2\r\nyesterday;1;2\n2026-01-01 00:00:02;warm;2\n2026-01-01 00:00:03;1\r\n2026-01-01 00:00:04;1;2\n'],
    ['Unix first, then Windows', 'when;T;P\n2026-01-01 00:00:00;1;2\nyesterday;1;2\r\n2026-01-01 00:00:02;warm;2\r\n2026-01-01 00:00:03;1\n2026-01-01 00:00:04;1;2\r\n'],
    ['old Macintosh among them', 'when;T;P\r2026-01-01 00:00:00;1;2\nyesterday;1;2\r2026-01-01 00:00:02;warm;2\r\n2026-01-01 00:00:03;1\n2026-01-01 00:00:04;1;2'],
  ] as const) {
    test(`end where their line ends, whichever way it ends: ${what}`, async () => {
      const { problems, badRows, rows } = await planOf(text)
      assert.deepEqual([rows, badRows], [5, 3])
      assert.deepEqual(problems.map(({ line, column }) => [line, column]), [[3, 'when'], [4, 'T'], [5, null]])
    })
  }

  test('end alike in UTF-16', async () => {
    const text = Buffer.from('when;T;P\r\n2026-01-01 00:00:00;1;2\n2026-01-01 00:00:01;warm;2\r\n', 'utf16le')
    const { badRows, rows } = await planOf(text, { encoding: 'utf16le' })
    assert.deepEqual([rows, badRows], [2, 1])
  })

  test('of the future are mistakes of zone or format', async () => {
    const { problems } = await planOf('when;T;P\n2999-01-01 00:00:00;1;2\n')
    assert.match(problems[0]?.message ?? '', /lies in the future/)
  })
})

suite('files that cannot be read are refused whole', () => {
  for (const [what, text, expected] of [
    ['an empty one', '', /:1: the file is empty; it needs a header line with the columns when, T, P/],
    ['one without rows', 'when;T;P\n', /:2: the file has a header and no rows/],
    ['one with another delimiter', 'when,T,P\n2026-01-01 00:00:00,1,2\n', /seems to use ",": set delimiter in the map/],
    ['one without a mapped column', 'when;T;Q\n2026-01-01 00:00:00;1;2\n', /:1: there is no column "P"; the file has "when", "T", "Q"[^]*:1: column "Q" is neither mapped nor ignored/],
    ['one with columns that the map does not know, told once', 'when;T;P;anomaly;changepoint\n2026-01-01 00:00:00;1;2;0;0\n', /^[^\n]*:1: columns "anomaly", "changepoint" are neither mapped nor ignored; add them to tags or to ignore in the map$/],
    ['one with a doubled column', 'when;T;P;P\n2026-01-01 00:00:00;1;2;3\n', /column "P" is there 2 times/],
    ['one with an unclosed quote', 'when;T;P\n2026-01-01 00:00:00;"1;2\n', /:\d+: Quote Not Closed/],
  ] as const) {
    test(what, async () => { await assert.rejects(planOf(text), { code: 'invalid', message: expected }) })
  }
  test('one that is not there, and one named twice', async () => {
    await assert.rejects(planImport({ map, files: [path.join(directory, 'none.csv')] }), { code: 'not_found' })
    const twins = [fileOf('when;T;P\n2026-01-01 00:00:00;1;2\n'), fileOf('when;T;P\n2026-01-01 00:00:00;1;2\n')]
    await assert.rejects(planImport({ map, files: twins }), { code: 'invalid', message: /have the same content/ })
  })
})

test('columns that the map ignores are no matter', async () => {
  const { problems, readings } = await planOf('when;T;P;anomaly;changepoint\n2026-01-01 00:00:00;1;2;0;0\n', { ignore: ['anomaly', 'changepoint'] })
  assert.deepEqual([problems, readings], [[], 2])
})

test('a plan with bad rows is refused with the list of them, all counted, and problems to read by program', async () => {
  const plan = await planOf(`when;T;P\n${'yesterday;warm;2\n'.repeat(30)}`)
  assert.throws(() => demandGoodRows(plan), (error: unknown) => {
    assert.ok(error instanceof DomainError)
    assert.equal(error.message.split('\n').length, 22)
    assert.match(error.message, /\n…\n30 bad rows of 30; nothing was imported\. /)
    assert.deepEqual(error.details, { badRows: 30, rows: 30, problems: plan.problems })
    return true
  })
  demandGoodRows(await planOf('when;T;P\n2026-01-01 00:00:00;1;2\n'))
})

test('a plan orders files by their first row and knows how far rows stray', async () => {
  const late = fileOf('when;T;P\n2026-01-02 00:00:00;1;2\n')
  const early = fileOf('when;T;P\n2026-01-01 00:00:00;1;2\n2026-01-01 00:00:09;1;2\n2026-01-01 00:00:04;1;2\n')
  const plan = await planImport({ map, files: [late, early], asset: 'pump-7' })
  assert.deepEqual(plan.files.map(({ path: file }) => file), [early, late])
  assert.deepEqual(plan.files.map(({ latenessUs }) => latenessUs), [5e6, 0])
  assert.deepEqual([plan.rows, plan.readings, plan.map.asset.id], [4, 8, 'pump-7'])
  await assert.rejects(planImport({ map, files: [late], asset: 'Pump 7' }), { code: 'invalid' })
})

test('a map becomes a registry document', () => {
  const document = assetImportFromMap(map)
  assert.equal(document.site.kind, 'plant')
  assert.deepEqual(document.tags.map(({ asset, name, role, unit, canonicalUnit, range }) => ({ asset, name, role, unit, canonicalUnit, range })), [
    { asset: 'pump-1', name: 'temp', role: 'temperature', unit: '[degF]', canonicalUnit: 'Cel', range: null },
    { asset: 'pump-1', name: 'pressure', role: 'pressure', unit: 'bar', canonicalUnit: 'bar', range: { low: 0, high: 10 } },
  ])
})

test('the maps that ship are good ones', async () => {
  const skab = await readCsvMap(path.join(import.meta.dirname, '../../../../../edge/maps/skab.yaml'))
  assert.equal(skab.tags.length, 8)
  assert.equal(assetImportFromMap(skab).tags.find(({ name }) => name === 'vibration-1')?.canonicalUnit, 'm/s2')
})

test('the example in the documentation is a good map', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../../../../docs/csv-maps.md'), 'utf8')
  const example = /```yaml\n([^]*?)```/.exec(page)?.[1] ?? ''
  assert.equal(parseCsvMap(example, 'csv-maps.md').tags.length, 3)
})
