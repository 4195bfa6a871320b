import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'
import { eventMark, type TestOutcome } from './outcome.ts'

/** A node:test reporter for machines: one marked line of JSON for each test that ended. */
async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const path: string[] = []
  for await (const event of source) {
    if (event.type === 'test:start') {
      path.length = event.data.nesting
      path.push(event.data.name)
    }
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    const { data } = event
    const names = [...path.slice(0, data.nesting), data.name]
    path.length = data.nesting
    const skipped = data.skip !== undefined && data.skip !== false
    const todo = data.todo !== undefined && data.todo !== false
    const error = event.type === 'test:fail' ? event.data.details.error : undefined
    // Suites, and tests whose subtests failed, only repeat what their subtests said; a skipped suite runs none that could say it.
    if (data.details.type === 'suite' && !skipped && !failedItself(error)) continue
    if (error && !failedItself(error)) continue
    const outcome: TestOutcome = {
      name: names.join(' › '),
      result: skipped || todo ? 'skipped' : event.type === 'test:pass' ? 'passed' : 'failed',
      ms: Math.round(data.details.duration_ms),
      ...(typeof data.skip === 'string' && { note: data.skip }),
      ...(error !== undefined && { error: describe(error) }),
    }
    yield `${eventMark}${JSON.stringify(outcome)}\n`
  }
}

function failedItself(error: Error | undefined): boolean {
  return error !== undefined && (error as { failureType?: string }).failureType !== 'subtestsFailed'
}

/** node:test wraps what was thrown; the cause is what a reader wants to see. */
function describe(error: Error): string {
  const cause = error.cause
  return cause instanceof Error ? inspect(cause, { colors: false }) : inspect(cause ?? error, { colors: false })
}

// node:test takes a reporter only as the default export of its module.
export { report as default }
