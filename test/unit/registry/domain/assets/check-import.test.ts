import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkImport } from '../../../../../registry/domain/assets/check-import.ts'
import { assetImportExample, assetImportSchema, type AssetImport } from '../../../../../registry/domain/contract/hierarchy.ts'
import { DomainError } from '../../../../../registry/domain/errors.ts'

const nothing = { areas: new Set<string>(), lines: new Set<string>(), assets: new Set<string>(), components: new Set<string>() }
const document = (change: (d: AssetImport) => void): AssetImport => {
  const parsed = assetImportSchema.parse(structuredClone(assetImportExample))
  change(parsed)
  return parsed
}
const problems = (d: AssetImport, known = nothing): { code: string; places: string[]; count: number } => {
  try {
    checkImport(d, known)
  } catch (error) {
    assert.ok(error instanceof DomainError)
    const { problems: list, count } = error.details as { problems: { place: string }[]; count: number }
    return { code: error.code, places: list.map((p) => p.place), count }
  }
  return { code: 'none', places: [], count: 0 }
}

test('the example of the contract is fine', () => {
  assert.equal(problems(document(() => undefined)).code, 'none')
})

test('what is not there is named with its place, all at once', () => {
  const found = problems(document((d) => { d.areas = []; d.tags[0]!.component = 'gearbox'; d.tags.push({ ...d.tags[0]!, name: 'other', asset: 'pump-9' }) }))
  assert.deepEqual(found, { code: 'invalid', count: 4, places: ['lines[0] cooling', 'tags[0] pump-1/motor-temp', 'tags[1] pump-9/other', 'tags[1] pump-9/other'] })
})

test('what the site has already may be named', () => {
  assert.equal(problems(document((d) => { d.areas = []; d.lines = [] }), { ...nothing, lines: new Set(['cooling']) }).code, 'none')
})

test('wrong units and ranges are refused with the cure', () => {
  assert.equal(problems(document((d) => { d.tags[0]!.unit = '°F' })).code, 'unit_unknown')
  assert.equal(problems(document((d) => { d.tags[0]!.canonicalUnit = 'bar' })).code, 'unprocessable')
  assert.equal(problems(document((d) => { d.tags[0]!.range = { low: 5, high: 5 } })).code, 'invalid')
})

test('a flood of problems is shown in part and counted in full', () => {
  const found = problems(document((d) => { d.tags = Array.from({ length: 100 }, (_, i) => ({ ...d.tags[0]!, name: `t${i}`, unit: 'nonsense' })) }))
  assert.equal(found.count, 100)
  assert.equal(found.places.length, 20)
})
