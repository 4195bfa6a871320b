import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Logger } from '@temporalio/worker'
import { keptBundle } from './kept-bundle.mjs'

export interface WorkflowBundle { readonly code: string }

/**
 * All workflows as one script, as the Worker wants it. Bundling takes seconds, so a restarted worker, and every test,
 * reads from disk what was made of the same sources: those a workflow may import, its own room and the pure core.
 */
export async function workflowBundle(options: { logger?: Logger } = {}): Promise<WorkflowBundle> {
  const sources = { name: 'workflows', folders: ['workflows', 'registry/domain'], files: ['package-lock.json', 'tsconfig.json'] }
  const folder = await keptBundle(sources, async ({ partial, top }) => {
    const { bundleWorkflowCode } = await import('@temporalio/worker')
    const { code } = await bundleWorkflowCode({
      workflowsPath: path.join(top, 'workflows', 'index.ts'),
      ...(options.logger && { logger: options.logger }),
    })
    await writeFile(path.join(partial, 'workflows.js'), code)
  })
  return { code: await readFile(path.join(folder, 'workflows.js'), 'utf8') }
}
