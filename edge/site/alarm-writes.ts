import { DomainError } from '../../registry/domain/errors.ts'
import type { ConnectorKind } from '../connectors/kind.ts'
import { suggest, type Problem } from '../schema-problems.ts'
import type { AlarmsOfSite } from './alarm-schema.ts'

interface WritableSource { readonly id: string; readonly at: readonly PropertyKey[]; readonly kind: ConnectorKind | undefined; readonly config: unknown; readonly writable: readonly string[] }

/** Writing to a machine takes two words: the source lists the address as writable, and an output of the alarms writes to it. */
export function checkWrites({ to }: AlarmsOfSite, sources: readonly WritableSource[]): Problem[] {
  const problems: Problem[] = []
  for (const { at, kind, config, writable } of sources) {
    if (writable.length > 0 && kind && !kind.checkWrite) problems.push({ path: [...at, 'writable'], message: `${kind.type} writes nothing; leave writable out` })
    if (config !== undefined) writable.forEach((address, i) => { problems.push(...refusalOf([...at, 'writable', i], () => { kind?.checkWrite?.(address, 0, config) })) })
  }
  const writers = new Map<string, string>()
  to.forEach((output, index) => {
    if (output.type !== 'write') return
    const path = ['alarms', 'to', index]
    const source = sources.find(({ id }) => id === output.source)
    if (!source) {
      problems.push({ path: [...path, 'source'], message: `there is no source "${output.source}"${suggest(output.source, sources.map(({ id }) => id))}` })
      return
    }
    if (!source.writable.includes(output.address)) {
      problems.push({ path: [...path, 'address'], message: `the source ${source.id} does not let it be written; add writable: ["${output.address}"] there, if that is what you want${source.writable.length > 0 ? suggest(output.address, source.writable) : ''}` })
      return
    }
    if (output.on === output.off) problems.push({ path: [...path, 'off'], message: `on and off are both ${output.on}: nobody would see a difference` })
    const place = `${source.id} ${output.address}`
    const other = writers.get(place)
    if (other !== undefined) problems.push({ path: [...path, 'address'], message: `${other} writes there too, and each would undo the other; give it an address of its own` })
    writers.set(place, output.id)
    for (const key of ['on', 'off'] as const) problems.push(...refusalOf([...path, key], () => { source.kind?.checkWrite?.(output.address, output[key], source.config) }))
  })
  return problems
}

function refusalOf(path: readonly PropertyKey[], check: () => void): Problem[] {
  try {
    check()
    return []
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    return [{ path, message: error.message }]
  }
}
