import { INSTALLED, versionOf, type LastUpdate } from './state.ts'

/** What a gateway says to the launcher that started it (messages of the parent's channel). */
export type GatewayWord =
  | { readonly type: 'ready'; readonly address?: string }
  /** Its loop runs, and its buffer has answered. */
  | { readonly type: 'beat' }
  /** Its buffer takes readings, its sources have started, and it is connected or knows why not. */
  | { readonly type: 'well' }

export const isGatewayWord = (message: unknown): message is GatewayWord =>
  typeof message === 'object' && message !== null && 'type' in message && ['ready', 'beat', 'well'].includes(String(message.type))

/** What the launcher tells the gateway that it starts, in the environment. */
export const LAUNCH_VARIABLE = 'TWINWARD_LAUNCH'
export interface Launch {
  /** `installed`, or the folder's name. */
  readonly name: string
  readonly trial: boolean
  /** The program in force, in whose place this one runs because its files are damaged. */
  readonly damaged: string | null
  readonly last: LastUpdate | null
}

/** Null where no launcher started it. */
export function launchOf(env: Readonly<Record<string, string | undefined>>): Launch | null {
  const text = env[LAUNCH_VARIABLE]
  return text === undefined ? null : JSON.parse(text) as Launch
}

/** What a gateway says of how it was started, if that was not as it should have been; for a person. */
export function launchTrouble({ name, damaged, last }: Launch): string | null {
  const runs = name === INSTALLED ? 'the version it was installed with runs' : `${versionOf(name)} runs`
  if (damaged !== null) return `version ${versionOf(damaged)} of the gateway is damaged on this disk, and ${runs} instead; check the disk, then install the update again`
  if (last?.outcome !== 'rolled_back') return null
  return `update ${versionOf(last.name)} was rolled back: ${last.why ?? 'it was not well'}; ${runs} on. Install one that is mended`
}
