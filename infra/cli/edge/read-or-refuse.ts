import { CliError } from '../errors.ts'

/** What `read` gives of a file that was named on the command line. */
export async function readOrRefuse<T>(file: string, what: string, read: (file: string) => T | Promise<T>): Promise<T> {
  try {
    return await read(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'EISDIR') throw error
    throw new CliError('file', `The ${what} ${file} cannot be read (${code}). Check the path and who may read it.`)
  }
}
