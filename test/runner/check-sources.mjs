/**
 * Types and lint of all sources, in one process: what typed rules ask for is what the compiler finds out anyway, so both
 * share one program. ESLint's cache stays off: it knows a file by its own content, while the answer of a typed rule
 * depends on other files too. `node test/runner/check-sources.mjs [FOLDER]`
 */
import path from 'node:path'
import { ESLint } from 'eslint'
import ts from 'typescript'
import { root } from '../../infra/setup/paths.mjs'

const top = path.resolve(process.argv[2] ?? root)
const programs = ['tsconfig.json', 'api/console/client/tsconfig.json'].map(createProgram)

const diagnostics = ts.sortAndDeduplicateDiagnostics(programs.flatMap((program) => [...ts.getPreEmitDiagnostics(program)]))
process.stdout.write(ts.formatDiagnostics(diagnostics, { getCurrentDirectory: () => top, getCanonicalFileName: (name) => name, getNewLine: () => '\n' }))

const overrideConfig = { files: ['**/*.ts', '**/*.tsx'], languageOptions: { parserOptions: { project: null, programs } } }
const eslint = new ESLint({ cwd: top, overrideConfig })
const results = await eslint.lintFiles('.')
process.stdout.write(await (await eslint.loadFormatter('stylish')).format(results))

const problems = results.reduce((sum, { errorCount, warningCount }) => sum + errorCount + warningCount, 0)
process.exitCode = diagnostics.length + problems > 0 ? 1 : 0

function createProgram(config) {
  const fail = (diagnostic) => { throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')) }
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail }
  const { fileNames, options, errors } = ts.getParsedCommandLineOfConfigFile(path.join(top, config), { noEmit: true, incremental: false }, host)
  delete options.tsBuildInfoFile
  // Rules walk up from a node to its parents.
  return ts.createProgram({ rootNames: fileNames, options, configFileParsingDiagnostics: errors, host: ts.createCompilerHost(options, true) })
}
