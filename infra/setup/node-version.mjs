import { node } from './versions.mjs'

/** What is wrong with this version of Node and what helps, or undefined when it will do. */
export function minimumNode(version) {
  const [have, want] = [version, node.minimum].map((text) => text.split('.').map(Number))
  for (let i = 0; i < 3; i += 1) {
    if (have[i] > want[i]) return undefined
    if (have[i] < want[i]) {
      return `Twinward needs Node.js ${node.minimum} or newer; this is ${version}. See https://nodejs.org/en/download`
    }
  }
  return undefined
}
