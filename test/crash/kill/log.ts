/** Reads what a server logged in a life: which deliveries were written down, and what must never be said of a sound queue. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { World } from './world.ts'

/** What no log may hold, whatever was done to the server. */
const NEVER: readonly [name: string, pattern: RegExp][] = [
  ['UNSAFE', /ERR_QUEUE_UNSAFE|repair or replace/],
  ['STUCK', /has stood still for/],
  ['CORRUPT', /ERR_QUEUE_CORRUPT|the message is damaged/],
  [
    'UNCAUGHT',
    /Unhandled|uncaught|UnhandledPromise|Assertion failed|FATAL ERROR|free\(\)|malloc|TypeError: |ReferenceError: /,
  ],
]

/** Tells the world's book what one life wrote down, and the world each line that a sound server never writes. */
export async function readLog(world: World, life: number): Promise<void> {
  const name = `life-${String(life).padStart(2, '0')}.log`
  const text = await readFile(join(world.fixture.folder, name), 'utf8').catch(() => '')
  const lines = text.split('\n')
  for (const [at, line] of lines.entries()) {
    for (const [kind, pattern] of NEVER)
      if (pattern.test(line) && !isOrphan(lines.slice(at, at + 10).join('\n')))
        world.problem(`${kind} in ${name}: ${line.slice(0, 300)}`)
    const ended = /worker (\d+) ended \(([^)]*)\)/.exec(line)
    if (ended && !world.faulty.has(life) && !world.book.isKilled(Number(ended[1])))
      world.problem(`${ended[0]} by itself, in ${name}`)
    if (!line.includes('"delivered"')) continue
    const record = parse(line)
    if (record?.text === 'delivered' && record.transaction && record.to)
      world.book.recorded({ transaction: record.transaction, recipient: record.to, at: Date.parse(record.time ?? '') })
  }
}

/** A worker that is born when its supervisor has just been killed: Node itself cannot greet it, and ends. */
function isOrphan(text: string): boolean {
  return text.includes('write EPIPE') && text.includes('node:internal/cluster/child')
}

function parse(
  line: string,
): { readonly time?: string; readonly text?: string; readonly transaction?: string; readonly to?: string } | undefined {
  try {
    return JSON.parse(line) as object // our own log; absent fields are looked for
  } catch {
    return undefined // the kill cut it
  }
}
