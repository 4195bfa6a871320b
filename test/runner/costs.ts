import path from 'node:path'
import type { Cost } from './lanes.ts'

const usual: Cost = { seconds: 15, load: 1 }

/**
 * Files that take longer than most on two cores, or leave more of the machine to others. Only what comes first depends on
 * the seconds: a rough figure does, and one that has become wrong costs some time and nothing else.
 */
const known: Readonly<Record<string, Cost>> = {
  // Alone: with another file beside it, it came near the time limit on slow cores.
  'faults/edge/on-platform': { seconds: 400, load: 3 },
  'faults/promotions': { seconds: 250, load: 2 },
  'edge/local-judgement': { seconds: 140, load: 2 },
  'faults/edge/update': { seconds: 130, load: 2 },
  'faults/edge/fleet-configure': { seconds: 120, load: 1.5 },
  'e2e/console/console': { seconds: 110, load: 1 },
  'faults/edge/day': { seconds: 80, load: 2 },
  'edge/wan-cut': { seconds: 80, load: 0.5 },
  'governance/rescore': { seconds: 60, load: 1 },
  'edge/http-push-gateway': { seconds: 60, load: 1 },
  'faults/edge/fleet-update': { seconds: 60, load: 1.5 },
  'faults/temporal-lost': { seconds: 50, load: 1 },
  'edge/door': { seconds: 50, load: 1 },
  'faults/restart': { seconds: 50, load: 1.5 },
  'edge/site': { seconds: 40, load: 1 },
  'edge/edge-run': { seconds: 40, load: 1 },
  'edge/sparkplug-site': { seconds: 40, load: 1 },
  'api/gate-people': { seconds: 40, load: 1 },
  'faults/kill': { seconds: 40, load: 1.5 },
  'governance/continue-as-new': { seconds: 40, load: 1 },
  'judging/replay': { seconds: 30, load: 1 },
  'governance/gates': { seconds: 30, load: 1 },
  'e2e/skab': { seconds: 30, load: 1 },
  'api/rollouts': { seconds: 30, load: 1 },
  'infra/npm-start': { seconds: 30, load: 1.5 },
  'edge/mqtt-json': { seconds: 30, load: 1 },
  'edge/import': { seconds: 30, load: 1 },
  'governance/kill': { seconds: 30, load: 1 },
  'edge/opcua/subscription': { seconds: 30, load: 1 },
  'judging/compaction': { seconds: 30, load: 1 },
}

const fileOf = (name: string): string => path.join('test/stack', `${name}.test.ts`)
const costs = new Map(Object.entries(known).map(([name, cost]) => [fileOf(name), cost]))

/** Paths from the clone's top. */
export const knownFiles: readonly string[] = [...costs.keys()]

/** @param file a test file's path from the clone's top */
export function costOf(file: string): Cost {
  return costs.get(file) ?? usual
}
