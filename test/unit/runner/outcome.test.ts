import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createOutcomeParser, eventMark, exitCode, summaryLine, tally, type TestOutcome } from '../../runner/outcome.ts'
import { verdict } from '../../runner/test-process.ts'

describe('the run\'s summary', () => {
  it('is the sum, with skipped tests only when there are some', () => {
    assert.equal(summaryLine(tally([{ result: 'passed' }, { result: 'passed' }, { result: 'failed' }])), '2 passed, 1 failed')
    assert.equal(summaryLine({ passed: 1, failed: 0, skipped: 2 }), '1 passed, 0 failed, 2 skipped')
  })

  it('fails when a test failed, and when none was run', () => {
    assert.equal(exitCode({ passed: 5, failed: 0, skipped: 1 }), 0)
    assert.equal(exitCode({ passed: 5, failed: 1, skipped: 0 }), 1)
    assert.equal(exitCode({ passed: 0, failed: 0, skipped: 9 }), 1)
  })
})

describe('outcomes in a process\'s output', () => {
  it('are found however the output is cut into pieces, and beside printed text', () => {
    const outcomes: TestOutcome[] = ['a', 'b › "quoted"\nline', 'c'].map((name) => ({ name, result: 'passed', ms: 1 }))
    const text = `printed\nno line end${eventMark}${JSON.stringify(outcomes[0])}\n${eventMark}${JSON.stringify(outcomes[1])}\nmore\n${eventMark}${JSON.stringify(outcomes[2])}`
    fc.assert(fc.property(fc.array(fc.nat(text.length), { maxLength: 6 }), (cuts) => {
      const found: TestOutcome[] = []
      const printed: string[] = []
      const parser = createOutcomeParser((outcome) => found.push(outcome), (line) => printed.push(line))
      const points = [0, ...cuts.sort((a, b) => a - b), text.length]
      for (let i = 1; i < points.length; i += 1) parser.push(text.slice(points[i - 1], points[i]))
      parser.end()
      assert.deepEqual(found, outcomes)
      assert.deepEqual(printed, ['printed', 'no line end', 'more'])
    }))
  })
})

describe('a test process', () => {
  const passed: TestOutcome[] = [{ name: 'a', result: 'passed', ms: 1 }]
  const failed: TestOutcome[] = [{ name: 'a', result: 'failed', ms: 1 }]
  const ending = { kind: 'tests' as const, code: 0, signal: null, late: false, timeoutMs: 60_000, outcomes: passed }

  it('adds nothing when its tests say it all', () => {
    assert.equal(verdict(ending), undefined)
    assert.equal(verdict({ ...ending, code: 1, outcomes: failed }), undefined)
  })

  it('is one failure when it ends badly, holds no test, or takes too long', () => {
    assert.equal(verdict({ ...ending, code: 1 })?.result, 'failed')
    assert.equal(verdict({ ...ending, code: null, signal: 'SIGSEGV' })?.result, 'failed')
    assert.equal(verdict({ ...ending, outcomes: [] })?.result, 'failed')
    assert.equal(verdict({ ...ending, late: true })?.name, 'time limit')
  })

  it('that is a check stands for its own outcome', () => {
    assert.equal(verdict({ ...ending, kind: 'check', outcomes: [] })?.result, 'passed')
    assert.equal(verdict({ ...ending, kind: 'check', code: 2, outcomes: [] })?.result, 'failed')
  })
})
