import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chromium, type BrowserContext } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** A Chromium from PATH, else the one Playwright downloaded; undefined when there is none. */
export function findChromium(): string | undefined {
  const onPath = (process.env['PATH'] ?? '').split(path.delimiter).flatMap((folder) => names.map((name) => path.join(folder, name)))
  return [...onPath, chromium.executablePath()].find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export interface TestBrowser {
  readonly context: BrowserContext
  close(): Promise<void>
}

/** With a profile of its own, in one time zone, and nothing that calls home. */
export async function openBrowser(executablePath: string, timezoneId = 'UTC'): Promise<TestBrowser> {
  const profile = await mkdtemp(path.join(tmpdir(), 'twinward-browser-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath, headless: true, viewport: { width: 1280, height: 900 }, timezoneId, locale: 'en-GB',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
  return {
    context,
    async close() {
      await context.close()
      await rm(profile, { recursive: true, force: true })
    },
  }
}
