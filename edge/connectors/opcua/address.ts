import { refuse } from '../../../registry/domain/errors.ts'

/** A node id as OPC UA Part 6, 5.3.1.10 writes it: `ns=2;s=Pump.Temp`, `nsu=urn:maker:plc;i=7`, `i=2258`. */
export interface NodeAddress {
  /** An index into the server's namespace array, or the namespace's own URI, which stays when indexes shift. */
  readonly namespace: number | string
  /** `i=`, `s=`, `g=` or `b=` and what follows. */
  readonly identifier: string
}

const FORM = /^(?:ns=(\d{1,5});|nsu=([^;]+);)?([isgb])=([\s\S]+)$/
const IDENTIFIER: Readonly<Record<string, RegExp>> = {
  i: /^\d{1,10}$/,
  s: /^[\s\S]{1,4096}$/,
  g: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  b: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
}

/** Refuses (`invalid`) what is no node id. */
export function parseNodeAddress(text: string): NodeAddress {
  const [, index, uri, kind = '', value = ''] = FORM.exec(text) ?? []
  if (!IDENTIFIER[kind]?.test(value) || (kind === 'i' && Number(value) > 0xffffffff) || Number(index ?? 0) > 0xffff) {
    refuse('invalid', `"${text}" is no OPC UA node id; write e.g. ns=2;s=Pump.Temp, ns=3;i=1001, or nsu=urn:maker:plc;s=Pump.Temp`)
  }
  // Part 6 escapes ";" and "%" in a URI.
  return { namespace: uri === undefined ? Number(index ?? 0) : uri.replace(/%3B/gi, ';').replace(/%25/g, '%'), identifier: `${kind}=${value}` }
}

/** The node id with the index this server gives the namespace; undefined when it knows no such namespace. */
export function nodeIdOn(address: NodeAddress, namespaces: readonly string[]): string | undefined {
  const index = typeof address.namespace === 'number' ? address.namespace : namespaces.indexOf(address.namespace)
  return index < 0 ? undefined : `ns=${index};${address.identifier}`
}
