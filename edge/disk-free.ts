import { statfsSync } from 'node:fs'

/** Bytes free on the disk of a folder; null where that cannot be asked. */
export function diskFree(directory: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize
  } catch {
    return null
  }
}
