/** Of what gateways tell by id and revision the newest of each, in the order of ids, so that two reports of a gateway lock rows alike. */
export function newestOfEach<T extends { readonly id: string; readonly revision: number }>(told: readonly T[]): T[] {
  const byId = new Map<string, T>()
  for (const one of told) if ((byId.get(one.id)?.revision ?? 0) < one.revision) byId.set(one.id, one)
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}
