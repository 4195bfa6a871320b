import path from 'node:path'
import { pathToFileURL } from 'node:url'

// Many unit tests in one process: starting one for each file would cost more than the tests themselves.
for (const file of process.argv.slice(2)) await import(pathToFileURL(path.resolve(file)).href)
