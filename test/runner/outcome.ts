/** Begins a line that the reporter wrote, so that it is told from what a test printed. */
export const eventMark = '\u0001twinward-test:'

export interface TestOutcome {
  /** The suites it is in and its own name. */
  name: string
  result: 'passed' | 'failed' | 'skipped'
  ms: number
  /** Why it was skipped. */
  note?: string
  error?: string
}

export interface Tally {
  passed: number
  failed: number
  skipped: number
}

export function tally(outcomes: Iterable<Pick<TestOutcome, 'result'>>): Tally {
  const sum: Tally = { passed: 0, failed: 0, skipped: 0 }
  for (const { result } of outcomes) sum[result] += 1
  return sum
}

/** The run's last line. */
export function summaryLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/** A run that tested nothing has not succeeded. */
export function exitCode({ passed, failed }: Tally): number {
  return failed > 0 || passed === 0 ? 1 : 0
}

/**
 * Splits a process's output into outcomes and what it printed itself. Feed it text as it comes; a line may come in
 * pieces, and an outcome may follow printed text that had no line end.
 */
export function createOutcomeParser(onOutcome: (outcome: TestOutcome) => void, onText: (line: string) => void) {
  let rest = ''
  const take = (line: string) => {
    const at = line.indexOf(eventMark)
    if (at < 0) {
      onText(line)
      return
    }
    if (at > 0) onText(line.slice(0, at))
    onOutcome(JSON.parse(line.slice(at + eventMark.length)) as TestOutcome)
  }
  return {
    push(text: string) {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) take(line)
    },
    end() {
      if (rest !== '') take(rest)
      rest = ''
    },
  }
}
