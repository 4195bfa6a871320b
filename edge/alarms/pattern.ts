import type { Condition, TagCondition } from './rule.ts'
import { createSense, type Sense, type Truth } from './sense.ts'

/** A whole condition: what its tags' readings come to. */
export interface Pattern {
  readonly senses: readonly Sense[]
  truth(nowUs: number): Truth
}

export function createPattern(when: Condition, startedUs: number): Pattern {
  const senses: Sense[] = []
  const truth = build(when, (of) => {
    const sense = createSense(of, startedUs)
    senses.push(sense)
    return (nowUs) => sense.truth(nowUs)
  })
  return { senses, truth }
}

/** Kleene's logic: one false makes `all` false, one true makes `any` true, whatever is not known. */
function build(when: Condition, leaf: (of: TagCondition) => (nowUs: number) => Truth): (nowUs: number) => Truth {
  if (when.kind !== 'all' && when.kind !== 'any') return leaf(when)
  const settles = when.kind === 'any'
  const parts = when.of.map((part) => build(part, leaf))
  return (nowUs) => {
    let known = true
    for (const part of parts) {
      const truth = part(nowUs)
      if (truth === settles) return settles
      if (truth === null) known = false
    }
    return known ? !settles : null
  }
}
