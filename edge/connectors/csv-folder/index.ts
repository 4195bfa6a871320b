import { stat } from 'node:fs/promises'
import { refuse } from '../../../registry/domain/errors.ts'
import type { ConnectorKind } from '../kind.ts'
import { csvFolderConfigSchema, type CsvFolderConfig } from './config.ts'
import { createCsvFolderSource } from './source.ts'

/** A folder into which a historian or an old machine exports CSV files. */
export const csvFolder: ConnectorKind<CsvFolderConfig> = {
  type: 'csv-folder',
  config: csvFolderConfigSchema,
  checkAddress(address, kind, { time, ignore }) {
    if (kind !== 'scalar') refuse('invalid', `column "${address}" is mapped as a waveform; a cell holds one number: make it a scalar`)
    if (address === time.column) refuse('invalid', `"${address}" is the column of times`)
    if (ignore.includes(address)) refuse('invalid', `"${address}" is among the columns to ignore; take it out there, or leave the tag out`)
  },
  async missingHere({ folder }) {
    const facts = await stat(folder).catch(() => undefined)
    return facts?.isDirectory() === true ? [] : [{ path: ['folder'], message: `${folder} is no folder on this machine; make it, readable by the gateway's user, or correct the path` }]
  },
  create: (config, context) => createCsvFolderSource(config, context),
}
