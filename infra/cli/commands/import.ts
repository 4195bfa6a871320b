import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Open } from '../context.ts'
import { CliError } from '../errors.ts'
import type { CsvOptions } from '../import-csv.ts'
import { registerAssets } from '../register-assets.ts'

export function addImportCommands(program: Command, open: Open): void {
  const imports = program.command('import').description('bring in history from CSV files, or the asset registry')
    .argument('[files...]', 'CSV files, in any order')
    .option('--map <file>', 'YAML map: column → tag, unit, time zone, sampling (see docs/csv-maps.md)')
    .option('--asset <id>', 'import as this asset instead of the one the map names')
    .option('--dry-run', 'read and check everything, ship nothing')
    .option('--skip-bad-rows', 'leave bad rows out instead of refusing the file')
    .option('--no-register', 'do not register the map\'s site, asset and tags first')
    .action(async (files: string[], options: Partial<CsvOptions>, command: Command) => {
      if (options.map === undefined) throw new CliError('usage', 'Name the map of the files with --map FILE; edge/maps/skab.yaml is an example.')
      // A whole gateway, which no other command should wait for.
      const { importCsv } = await import('../import-csv.ts')
      await importCsv(files, { ...options, map: options.map, register: options.register !== false }, await open(command))
    })

  imports.command('assets <file>').description('register sites, lines, assets, components and tags from a YAML or JSON file; twice changes nothing')
    .action(async (file: string, _options: unknown, command: Command) => {
      const { api, print } = await open(command)
      const text = await readFile(file, 'utf8').catch(() => { throw new CliError('not_found', `The file ${file} cannot be read; check the path.`) })
      const { parse } = await import('yaml')
      let document: unknown
      try { document = parse(text) } catch (error) { throw new CliError('invalid', `${file}: ${(error as Error).message.split('\n')[0] ?? ''}`) }
      await registerAssets(document, api, print)
    })
}
