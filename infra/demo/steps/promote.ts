import { counted } from '../../../registry/domain/counted.ts'
import type { ApiClient } from '../../cli/api-client.ts'
import { CliError } from '../../cli/errors.ts'
import type { Demo } from '../context.ts'
import { waitFor } from '../wait.ts'

interface GateView { id: string; state: string; requestedBy: string; release: string; evidenceDigest: string | null; evidenceCommit: number | null; requiredApprovals: number }

/** Two reliability engineers approve the evidence by its digest; the requester is refused. */
export async function promote({ people, narrator, platform, plant }: Demo, gateId: string): Promise<void> {
  const site = plant.site
  const gate = await waitFor('the gate to open with its evidence', async () => {
    const view = await people.rita.get<GateView>(`/v1/gates/${gateId}`, { site })
    return view.state === 'open' && view.evidenceDigest !== null ? view : undefined
  })
  narrator.say(`${gate.release} waits for ${counted(gate.requiredApprovals, 'approval')}; its evidence is frozen at commit ${gate.evidenceCommit} with digest ${gate.evidenceDigest?.slice(0, 12)}.`)
  narrator.look(`${platform.url}/gates/${gateId}`)
  // What drift asked for, Mia may approve: she neither asked for it nor made it.
  if (gate.requestedBy === 'mia') narrator.say(`Mia, who asked for it, tries to approve: ${await refusal(() => approve(people.mia, site, gate))}`)
  narrator.say(`Ravi approves other evidence than he saw: ${await refusal(() => approve(people.ravi, site, { ...gate, evidenceDigest: '0'.repeat(64) }))}`)
  await approve(people.ravi, site, gate)
  const last = await approve(people.rita, site, gate)
  if (last.state !== 'approved') throw new Error(`The gate is ${last.state} after two approvals.`)
  narrator.say(`Ravi and Rita approve; ${gate.release} is champion, with its ledger row, in one transaction.`)
}

const approve = (client: ApiClient, site: string, gate: GateView) =>
  client.post<{ state: string }>(`/v1/gates/${gate.id}/approve`, { evidenceDigest: gate.evidenceDigest, comment: 'Looked at the evidence in the demo.' }, { site })

async function refusal(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt()
  } catch (error) {
    if (error instanceof CliError) return `refused (${error.code}).`
    throw error
  }
  throw new Error('An approval that must be refused was accepted.')
}
