import type { BufferFormat, UpdateManifest } from './manifest.ts'
import { refuseUpdate } from './refusal.ts'
import { compareVersions } from './version.ts'

/** The machine that an update is to run on. */
export interface Machine {
  readonly platform: string
  readonly arch: string
  /** Version of Node, without a `v`. */
  readonly node: string
}

/** The program that runs now, as far as it decides what may follow it. */
export interface ProgramInForce {
  readonly version: string
  /** Null: it did not come by an update. */
  readonly issue: number | null
  readonly buffer: BufferFormat
}

export interface AdmitOptions {
  /** Somebody wants an earlier version. */
  readonly allowOlder?: boolean
  /** Somebody knows that the former program could not go on with what this one leaves in the buffer. */
  readonly allowNoWayBack?: boolean
}

/** Whether a program of this format can go on with what that one leaves. */
export const canFollow = (next: BufferFormat, left: BufferFormat): boolean => next.format >= left.readableBy

/** Whether an opened update is for this machine and may follow what runs; refuses it with the cure otherwise. */
export function admitUpdate({ version, issue, platform, arch, node, buffer }: UpdateManifest, machine: Machine, inForce: ProgramInForce, { allowOlder = false, allowNoWayBack = false }: AdmitOptions = {}): void {
  if (platform !== machine.platform || arch !== machine.arch) {
    refuseUpdate('wrong_platform', `This update is for ${platform}/${arch}, and this machine is ${machine.platform}/${machine.arch}. Make it with "twinward edge package" in a clone on a machine like this one.`,
      { platform, arch, expected: { platform: machine.platform, arch: machine.arch } })
  }
  if (compareVersions(machine.node, node.from) < 0 || (node.below !== null && compareVersions(machine.node, node.below) >= 0)) {
    refuseUpdate('wrong_node', `This update needs Node ${node.from} or later${node.below === null ? '' : `, below ${node.below}`}, and this machine has ${machine.node}. Install another Node first, then the update again.`, { node, actual: machine.node })
  }
  const by = compareVersions(version, inForce.version)
  const older = by < 0 || (by === 0 && inForce.issue !== null && issue.number < inForce.issue)
  if (older && !allowOlder) {
    refuseUpdate('older', `This update (${version}, issue ${issue.number}) is older than what is in force (${inForce.version}${inForce.issue === null ? '' : `, issue ${inForce.issue}`}). To go back, say so: --allow-older.`,
      { version, issue: issue.number, inForce: inForce.version })
  }
  if (older && !canFollow(buffer, inForce.buffer)) {
    refuseUpdate('older', `This update (${version}) cannot read the buffer as ${inForce.version} leaves it (format ${inForce.buffer.format}, readable from ${inForce.buffer.readableBy} on; this one has ${buffer.format}). `
      + 'Let the buffer ship until it is empty and set it aside, then install that version by hand.', { version, buffer, inForce: inForce.buffer })
  }
  if (!older && !canFollow(inForce.buffer, buffer) && !allowNoWayBack) {
    refuseUpdate('no_way_back', `Once this update (${version}) has run, ${inForce.version} cannot read the buffer any more (format ${buffer.format}, readable from ${buffer.readableBy} on; now ${inForce.buffer.format}): should it fail, the gateway could not go back by itself. `
      + 'Install it with somebody at the box, with --allow-no-way-back.', { version, buffer, inForce: inForce.buffer })
  }
}
