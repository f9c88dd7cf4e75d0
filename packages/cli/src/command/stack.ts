/** Takes the stack of a process that stands still, and reads it for whose code it is: a plugin's handler is what the host calls. */
import { readFileSync } from 'node:fs'
import { type Debugger, Session } from 'node:inspector'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One call. */
export interface Frame {
  readonly name: string
  readonly url: string
  readonly line: number
  readonly column: number
}

/** Milliseconds for the process to show its stack: a system call does not stop for that. */
const SHOW_MS = 2_000

/** Packages that call plugins and are none. */
const HOST = new Set(['@postroad/core', '@postroad/smtp', 'postroad'])

/** Where the main thread is, in words; nothing when it does not show. To be called in another thread. */
export async function whereItStands(): Promise<string | undefined> {
  const frames = await mainStack()
  return frames && describe(frames)
}

/** Tells it in words, for one line of a log: the plugin's package, and the innermost call. Frames are innermost first. */
export function describe(frames: readonly Frame[]): string {
  const own = frames.filter(({ url }) => url.startsWith('file:'))
  const packages = own.map(({ url }) => packageOf(url))
  const host = packages.findIndex((name) => name !== undefined && HOST.has(name))
  // Called by the host, or by the event loop: then the outermost call is the plugin's.
  const at = host === -1 ? own.length - 1 : host - 1
  const handler = own[at]
  const [inner = frames[0]] = own
  if (!inner) return 'where no JavaScript runs'
  const place = `in ${inner.name || 'a function'} (${placeOf(inner)})`
  if (!handler) return place
  const name = packages[at]
  const by = name === undefined ? placeOf(handler) : `the package ${name}`
  return handler === inner
    ? `${place}: ${by}`
    : `${place}: ${by}, by ${handler.name || 'a function'} (${placeOf(handler)})`
}

function placeOf({ url, line, column }: Frame): string {
  return `${url.startsWith('file:') ? fileURLToPath(url) : url}:${line}:${column}`
}

/** The name of the package that a file belongs to; nothing for one that belongs to none, or whose package has no name. */
function packageOf(url: string): string | undefined {
  for (let folder = dirname(fileURLToPath(url)), last = ''; folder !== last; last = folder, folder = dirname(folder)) {
    try {
      return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string }).name // a package says its name
    } catch {
      // Not here, or not readable: further up.
    }
  }
  return undefined
}

function mainStack(): Promise<readonly Frame[] | undefined> {
  return new Promise((resolve) => {
    const session = new Session()
    const end = (frames?: readonly Frame[]): void => {
      clearTimeout(timer)
      // Who comes out of native code later must not find a debugger that holds it.
      session.disconnect()
      resolve(frames)
    }
    const timer = setTimeout(end, SHOW_MS)
    session.connectToMainThread()
    const urls = new Map<string, string>()
    session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url))
    session.on('Debugger.paused', ({ params }) => end(params.callFrames.map((frame) => frameOf(frame, urls))))
    session.post('Debugger.enable')
    session.post('Debugger.pause')
  })
}

function frameOf({ functionName, location, url }: Debugger.CallFrame, urls: ReadonlyMap<string, string>): Frame {
  const { scriptId, lineNumber, columnNumber = 0 } = location
  return { name: functionName, url: url || (urls.get(scriptId) ?? ''), line: lineNumber + 1, column: columnNumber + 1 }
}
