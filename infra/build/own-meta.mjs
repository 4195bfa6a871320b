import path from 'node:path'
import { pathToFileURL } from 'node:url'

const nameOf = (property) => `__own_${property}`

/**
 * In a bundle the meta properties would be those of the output: each source keeps its own, and so its paths.
 * @returns options for esbuild
 */
export function ownMeta(top, sources) {
  const users = [...sources].filter(([name, content]) => /\.(ts|mjs)$/.test(name) && content.includes('import.meta.'))
  return {
    define: Object.fromEntries(['url', 'filename', 'dirname'].map((property) => [`import.meta.${property}`, nameOf(property)])),
    plugins: [{
      name: 'own-meta',
      setup({ onLoad }) {
        for (const [name, content] of users) {
          const file = path.join(top, name)
          const own = { url: pathToFileURL(file).href, filename: file, dirname: path.dirname(file) }
          const declared = Object.entries(own).map(([property, value]) => `${nameOf(property)} = ${JSON.stringify(value)}`)
          onLoad({ filter: new RegExp(`^${file.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`) }, () => ({
            // On the first line, so that no line has another number.
            contents: `const ${declared.join(', ')}; ${content.toString('utf8')}`,
            loader: name.endsWith('.mjs') ? 'js' : 'ts',
          }))
        }
      },
    }],
  }
}
