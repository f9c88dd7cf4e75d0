/** The files of the page, read once: what is not in the map is not served. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One file of the page. */
export interface ConsoleFile {
  /** Its media type, with the charset. */
  readonly type: string
  readonly bytes: Uint8Array
  /** A strong validator, in quotes as the field `ETag` has it. */
  readonly etag: string
}

/**
 * The Content-Security-Policy of the page: scripts, styles and requests of its own origin only, nothing inline. The one frame that it opens is
 * the mail in a cage, which has a policy of its own.
 */
export const CONSOLE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

const consoleFolder = fileURLToPath(new URL('../dist/page/', import.meta.url))

const HTML = 'text/html; charset=utf-8'
const SCRIPT = 'text/javascript; charset=utf-8'
const SHARED = [
  ['/console.css', 'console.css', 'text/css; charset=utf-8'],
  ['/icon.svg', 'icon.svg', 'image/svg+xml'],
] as const
const FILES = {
  console: [['/', 'index.html', HTML], ['/console.js', 'console.js', SCRIPT], ...SHARED],
  catch: [
    ['/', 'catch.html', HTML],
    ['/catch.js', 'catch.js', SCRIPT],
    ['/catch.css', 'catch.css', 'text/css; charset=utf-8'],
    ...SHARED,
  ],
} as const

/**
 * Every file of a page by the path it is served at, `/` first.
 *
 * @param page `console` (default): that of the admin API; `catch`: that of `postroad catch`, made of the same parts

 * @throws {Error} when the page has not been built: `npm run build -w @postroad/console`
 * @example
 * const files = readConsole()
 * const file = files.get(new URL(request.url).pathname)
 */
export function readConsole(page: keyof typeof FILES = 'console'): ReadonlyMap<string, ConsoleFile> {
  return new Map(FILES[page].map(([path, name, type]) => [path, readFile(join(consoleFolder, name), type)]))
}

function readFile(path: string, type: string): ConsoleFile {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    throw new Error(`the page is not built: ${path} cannot be read; npm run build -w @postroad/console builds it`, {
      cause,
    })
  }
  return { type, bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url')}"` }
}
