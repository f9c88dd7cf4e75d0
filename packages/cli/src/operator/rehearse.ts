/** `postroad try` for whoever asks over HTTP: in a process of its own, which can be ended, and cannot hurt the server. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { HostOperator } from '@postroad/plugin'

type Rehearse = NonNullable<HostOperator['rehearse']>
type Envelope = Parameters<Rehearse>[1]

/** Such processes at once: each has a configuration of its own in memory. */
const AT_ONCE = 2
/** Milliseconds. */
const PATIENCE = 45_000
/** Characters of what it prints that are read. */
const MOST = 4_194_304

/** @param file of the configuration, absolute */
export function rehearser(file: string): Rehearse {
  let running = 0
  return async (octets, envelope) => {
    if (running >= AT_ONCE) throw new Error(`${AT_ONCE} messages are being tried already: ask again in a moment`)
    running++
    try {
      return await tried(octets, argsOf(file, envelope), envelope.signal)
    } finally {
      running--
    }
  }
}

/** Values stand behind a `=`: one that begins with a hyphen is no option. */
function argsOf(file: string, { from, to = [], remote, helo, listener }: Envelope): readonly string[] {
  const option = (name: string, value: string | undefined): readonly string[] =>
    value === undefined ? [] : [`--${name}=${value}`]
  return [
    'try',
    '-',
    '--json',
    ...option('config', file),
    ...option('from', from === '' ? '<>' : from),
    ...to.flatMap((one) => option('to', one)),
    ...option('ip', remote),
    ...option('helo', helo),
    ...option('listener', listener),
  ]
}

async function tried(octets: Uint8Array, args: readonly string[], asked: AbortSignal): ReturnType<Rehearse> {
  const [, postroad = ''] = process.argv
  const signal = AbortSignal.any([asked, AbortSignal.timeout(PATIENCE)])
  const child = spawn(process.execPath, [...process.execArgv, postroad, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  })
  // One that ends before it has read everything says why.
  child.stdin.on('error', () => undefined)
  child.stdin.end(octets)
  try {
    const [out, complaint] = await Promise.all([bounded(child.stdout), bounded(child.stderr), once(child, 'close')])
    return resultOf(out, complaint)
  } catch (error) {
    child.kill('SIGKILL')
    if (signal.aborted && !asked.aborted)
      throw new Error(`It took longer than ${PATIENCE / 1_000} seconds`, { cause: error })
    throw error
  }
}

async function bounded(stream: NodeJS.ReadableStream): Promise<string> {
  async function* first(): AsyncGenerator<string | Buffer> {
    let size = 0
    for await (const chunk of stream) {
      size += chunk.length
      if (size <= MOST) yield chunk
    }
  }
  return text(first())
}

function resultOf(out: string, complaint: string): Awaited<ReturnType<Rehearse>> {
  let printed: {
    readonly steps?: Awaited<ReturnType<Rehearse>>['steps']
    readonly transaction?: object
    readonly session?: object
  }
  try {
    printed = JSON.parse(out) // of our own command
  } catch (cause) {
    throw new Error(complaint.trim().slice(0, 1_000) || 'It has said nothing', { cause })
  }
  return { steps: printed.steps ?? [], record: { ...(printed.transaction ?? printed.session) } }
}
