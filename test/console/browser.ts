/** Debian's Chromium, driven by playwright-core; remembers what every page asked for and complained of. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'

const ROOT = join(import.meta.dirname, '../..')
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Debian packages: the browser, and letters of all the scripts that mail is written in. */
export const PACKAGES = [
  'chromium',
  'fonts-noto-core',
  'fonts-noto-cjk',
  'fonts-noto-color-emoji',
  'fonts-dejavu-core',
] as const

/** Builds the page from its sources. */
export function buildPage(): void {
  const script = join(ROOT, 'packages/console/build.ts')
  const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

/** A window, and what it did. */
export interface Window extends AsyncDisposable {
  readonly page: Page
  /** Addresses of all requests that the browser wanted to make, blocked ones too. */
  readonly requests: readonly string[]
  /** Errors of scripts, refusals of the policy, dialogs. */
  readonly complaints: string[]
}

/** The browser. */
export class Chromium implements AsyncDisposable {
  readonly #browser: Browser

  private constructor(browser: Browser) {
    this.#browser = browser
  }

  static async start(): Promise<Chromium> {
    return new Chromium(
      await chromium.launch({
        executablePath: programPath('chromium'),
        // Root has no sandbox of its own in Debian's package; what is tested is the policy of the page, not that of the browser.
        args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
      }),
    )
  }

  /** Ids of the processes that run pages, whose main threads script, style and paint. */
  async renderers(): Promise<readonly number[]> {
    const session = await this.#browser.newBrowserCDPSession()
    const { processInfo } = await session.send('SystemInfo.getProcessInfo')
    await session.detach()
    return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
  }

  async open(url: string, options: BrowserContextOptions = {}): Promise<Window> {
    const context = await this.#browser.newContext({
      viewport: { width: 1440, height: 900 },
      colorScheme: 'dark',
      reducedMotion: 'reduce',
      locale: 'en-GB',
      timezoneId: 'UTC',
      ...options,
    })
    const page = await context.newPage()
    page.setDefaultTimeout(20_000)
    const requests: string[] = []
    const complaints: string[] = []
    context.on('request', (request) => requests.push(request.url()))
    context.on('weberror', (error) => complaints.push(String(error.error())))
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    await page.goto(url)
    return { page, requests, complaints, [Symbol.asyncDispose]: () => context.close() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close()
  }
}

/** Violations of WCAG that axe finds and calls serious or critical, as lines. */
export async function findBarriers(page: Page): Promise<string[]> {
  // `evaluate` goes past the policy of the page, as an extension of the browser would.
  await page.evaluate(AXE)
  // A string: the types of a browser are not those of these tests.
  const found = await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.flatMap(({ id, impact, nodes }) => /serious|critical/.test(impact)
      ? nodes.map(({ target, failureSummary }) => id + ': ' + target.join(' ') + ' ' + failureSummary) : []))`)
  return found as string[]
}

/** A picture of the documentation, when it was asked for; `name` without its ending. */
export async function takePicture(page: Page, name: string): Promise<void> {
  if (process.env['POSTROAD_PICTURES'] === undefined) return
  if (requires('pngquant')) throw new Error('pictures are made small by pngquant, which is not there')
  const path = join(ROOT, 'docs/pictures', `${name}.png`)
  await page.screenshot({ path, animations: 'disabled' })
  spawnSync(programPath('pngquant'), ['--force', '--skip-if-larger', '--speed=1', '--ext=.png', path])
}
