/**
 * Runs the tests: `verify` for types, lint and unit tests; `all` for these and the tests on real servers. Words after
 * that choose the test files whose path holds one of them, without types and lint.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loadConfig } from '../infra/config.ts'
import { startStack, type Stack } from '../infra/dev/stack.ts'
import { root } from '../infra/setup/paths.mjs'
import { quickVariable } from './helpers/effort.ts'
import { testStackVariable, toTestStack, withTemplate } from './helpers/test-stack.ts'
import { costOf } from './runner/costs.ts'
import { inLanes } from './runner/lanes.ts'
import { lint } from './runner/lint.ts'
import { exitCode, summaryLine, tally, type TestOutcome } from './runner/outcome.ts'
import { openOwnTemp } from './runner/own-temp.ts'
import { abortSteps, runStep, testArgs, type FileResult } from './runner/test-process.ts'
import { bundleTests, runnerSources, type TestSources } from './runner/test-sources.ts'

const minute = 60_000
const fileLimitMs = 15 * minute
/** Files of the usual load side by side: on two cores, as most of them wait half of their time. Each has its own database and prefixes. */
const sideBySide = Number(process.env['TWINWARD_TEST_CONCURRENCY'] ?? '3')

/** A sixth of its time would go into moving young objects out of a small nursery. */
const roomy = ['--max-semi-space-size=128']

const [scope = 'all', ...words] = process.argv.slice(2)
if (scope !== 'all' && scope !== 'verify') fail(`unknown scope "${scope}"; known: all, verify`)

const all = testFiles()
const files = all.filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
const unitFiles = files.filter((file) => !isStackFile(file))
const stackFiles = scope === 'all' ? files.filter(isStackFile) : []
if (words.length > 0 && unitFiles.length + stackFiles.length === 0) fail(`no test file's path holds: ${words.join(', ')}`)

let stack: Stack | undefined
/** Of the servers' data and of each file's temporary folder. */
let folder: string | undefined
const results: FileResult[] = []
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    abortSteps()
    void Promise.resolve(stack?.stop()).finally(() => {
      // What was just ended may still be writing.
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
      process.exit(signal === 'SIGINT' ? 130 : 143)
    })
  })
}

mkdirSync(path.join(root, '.cache'), { recursive: true })
const [, sources] = await Promise.all([words.length === 0 && checkSources(), runUnits()])
if (stackFiles.length > 0 && sources) await runOnStack(sources)
report()

/** Undefined when they cannot be bundled: none can be run then. */
async function bundle(): Promise<TestSources | undefined> {
  const startedAt = performance.now()
  try {
    // All, whichever are run: what is kept under the digest of the sources is always the same.
    return await bundleTests(all)
  } catch (error) {
    const ms = Math.round(performance.now() - startedAt)
    finish({ title: 'bundling the tests', outcomes: [{ name: 'passes', result: 'failed', ms, error: String(error) }], output: '', ms })
    return undefined
  }
}

/** For two cores: the halves of the unit tests take about the same time, and load little that is the same. */
async function runUnits(): Promise<TestSources | undefined> {
  const sources = await bundle()
  if (!sources) return undefined
  const gateway = unitFiles.filter((file) => file.startsWith(path.join('test', 'unit', 'edge') + path.sep))
  const platform = unitFiles.filter((file) => !gateway.includes(file))
  await Promise.all([
    ...(gateway.length > 0 ? [runUnit('the gateway', gateway, sources)] : []),
    ...(platform.length > 0 ? [runUnit('the platform', platform, sources)] : []),
  ])
  return sources
}

async function checkSources() {
  finish(await runStep({ title: 'types and lint', kind: 'check', args: lint.args, env: lint.env, timeoutMs: 10 * minute }))
}

async function runUnit(of: string, files: readonly string[], sources: TestSources) {
  finish(await runStep({
    title: `unit tests of ${of} (${files.length} files)`,
    kind: 'tests',
    args: [...roomy, ...testArgs([runnerSources.importAll, ...files], sources)],
    timeoutMs: 10 * minute,
    env: { [quickVariable]: scope === 'verify' ? '1' : '0' },
    onOutcome: (outcome) => { if (outcome.result === 'failed') print(line('unit', outcome)) },
  }))
}

async function runOnStack(sources: TestSources) {
  print('starting PostgreSQL, Temporal, MinIO and an MQTT broker for the tests')
  const dir = folder = await mkdtemp(path.join(tmpdir(), 'twinward-test-'))
  stack = await startStack({ dataDir: dir, config: loadConfig({ TWINWARD_DATA_DIR: dir }), log: (text) => { print(`  ${text}`) } })
  try {
    const env = { [testStackVariable]: JSON.stringify(await withTemplate(toTestStack(stack))) }
    const run = async (file: string) => {
      const onOutcome = (outcome: TestOutcome) => { print(line(path.relative('test/stack', file), outcome)) }
      const temp = openOwnTemp(path.join(dir, 'tmp', String(stackFiles.indexOf(file))))
      const result = await runStep({
        title: file,
        kind: 'tests',
        args: ['--test-force-exit', ...testArgs([file], sources)],
        timeoutMs: fileLimitMs,
        env: { ...env, ...temp.env },
        onOutcome,
      })
      const left = temp.close()
      if (left.length > 0) {
        const outcome: TestOutcome = { name: 'cleans up', result: 'failed', ms: 0, error: `it leaves behind in its temporary folder: ${left.join(', ')}` }
        result.outcomes.push(outcome)
        onOutcome(outcome)
      }
      finish(result)
    }
    await inLanes(stackFiles, sideBySide, costOf, run)
  } finally {
    await stack.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

function finish(result: FileResult) {
  results.push(result)
  const sum = tally(result.outcomes)
  print(`${sum.failed > 0 ? 'FAILED' : 'ok'}  ${result.title}: ${summaryLine(sum)} (${(result.ms / 1000).toFixed(1)} s)`)
}

function report() {
  for (const { title, outcomes } of results) {
    for (const { name, note, result } of outcomes) {
      if (result === 'skipped') print(`skipped: ${title}: ${name}${note ? ` (${note})` : ''}`)
    }
  }
  for (const { title, outcomes, output } of results) {
    const failures = outcomes.filter((outcome) => outcome.result === 'failed')
    if (failures.length === 0) continue
    print(`\n──── ${title}`)
    for (const { name, error } of failures) print(`✗ ${name}\n${indent(error ?? '')}`)
    if (output.trim() !== '') print(`  its output ends with:\n${indent(output.trim().split('\n').slice(-60).join('\n'))}`)
  }
  const sum = tally(results.flatMap((result) => result.outcomes))
  print(`\n${summaryLine(sum)}`)
  process.exitCode = exitCode(sum)
}

function line(where: string, { name, result, ms, note }: TestOutcome): string {
  const mark = { passed: '✓', failed: '✗', skipped: '·' }[result]
  return `  ${mark} ${where}: ${name}${result === 'skipped' ? ` (skipped${note ? `: ${note}` : ''})` : ` (${ms} ms)`}`
}

/** Every `*.test.ts` below test/, so that none is forgotten wherever it lies. */
function testFiles(): string[] {
  return readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => path.join('test', file))
    .sort()
}

function isStackFile(file: string): boolean {
  return file.startsWith(path.join('test', 'stack') + path.sep)
}

function indent(text: string): string {
  return text.split('\n').map((each) => `    ${each}`).join('\n')
}

function print(text: string) {
  process.stdout.write(`${text}\n`)
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
