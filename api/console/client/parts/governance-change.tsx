import type { GovernanceEvidence } from '../../../../registry/services/read/gate-evidence.ts'
import { counted, Panel, shortDigest } from './bits.tsx'
import { Table } from './table.tsx'

const shown = (value: unknown): string => (value === null ? 'none' : typeof value === 'string' ? value : JSON.stringify(value))

export function GovernanceChange({ evidence, digest }: { evidence: GovernanceEvidence; digest: string | null }) {
  return (
    <Panel title="What changes" aside={<span class="soft">digest <span class="mono" title={digest ?? ''}>{shortDigest(digest)}</span></span>} wide>
      <p class="soft">From version {evidence.replaces} to version {evidence.version}. Gates that are open by then {evidence.openGates === 'keep' ? 'keep the rules they were opened with' : 'are void and have to be asked for anew'}.</p>
      <Table label="Changes" rows={evidence.changes} keyOf={(change) => change.path} columns={[
        { head: 'Rule', main: true, cell: ({ path }) => <span class="mono whole">{path}</span> },
        { head: 'Now', kind: 'mono', cell: ({ from }) => shown(from) },
        { head: 'Then', kind: 'mono', cell: ({ to }) => shown(to) },
      ]} />
      <ul class="able">{Object.entries(evidence.canApprove).map(([kind, { required, able, owner }]) => (
        <li key={kind}><span class="mono">{kind}</span>: asks for {counted(required, 'approval')}, {counted(able, 'person', 'people')} could give one{owner === false && ', the owner not among them'}{able <= required && <strong> — few: whoever asks cannot approve</strong>}</li>
      ))}</ul>
      <details><summary>The whole evidence</summary><pre class="document" tabIndex={0}>{JSON.stringify(evidence, null, 2)}</pre></details>
    </Panel>
  )
}
