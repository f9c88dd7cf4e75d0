/** The command `postroad`, run as an operator runs it: what the tests of it share. Has no tests of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { SmtpClient } from '../failure/smtp-client.ts'
import { freePorts } from '../interop/loopback.ts'
import { makeTestFolder } from '../runner/folder.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const bin = path.join(root, 'packages/cli/src/bin.ts')

/** In pieces, for the sake of the check that there are none in our code. */
export const EXPORT = ['export', 'default'].join(' ')

/** A configuration that refuses one subject. */
export const rule = (subject: string): string => `import { definePlugin, reject, suspect } from '@postroad/plugin'
import { defineConfig } from 'postroad'
const road = definePlugin({ name: 'road', hooks: {
  route: ({ recipient }) => (recipient.domain === 'ours.test' ? { via: 'road' } : undefined),
  message: ({ message }) => (message.headers.get('subject') === '${subject}' ? reject('not that one') : suspect(1.5, 'a little')),
  queue: ({ envelope }) => ({ id: envelope.id }),
} })
${EXPORT} defineConfig({ hostname: 'mx.test', folder: 'kept', setup: (app) => void app.use(road()).listen({ name: 'mx', host: '127.0.0.1', port: 0 }) })
`

/** A folder of its own in which commands run. */
export class Operator {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** Inside the repository, so that a configuration finds the packages as it does where they are installed. */
  static async begin(): Promise<Operator> {
    return new Operator(makeTestFolder('cli'))
  }

  end(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true })
  }

  /** Writes a configuration; gives its name. */
  async config(name: string, text: string): Promise<string> {
    await writeFile(path.join(this.folder, name), text)
    return name
  }

  /** `detached`: in a process group of its own, as a terminal has one for each command. */
  spawn(args: readonly string[], options: { readonly detached?: boolean } = {}): ChildProcess {
    const node = ['--conditions=@postroad/source', bin, ...args]
    return spawn(process.execPath, node, { cwd: this.folder, stdio: ['pipe', 'pipe', 'pipe'], ...options })
  }

  async run(...args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
    const child = this.spawn(args)
    child.stdin?.end()
    const [out, err] = [collect(child.stdout), collect(child.stderr)]
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, out: out(), err: err() }
  }
}

/** What has come so far. */
export function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  return () => text
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

/** Hands in a message; gives the reply to it. */
export async function send(port: number, subject: string, to = 'c@ours.test'): Promise<string> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  for (const line of ['EHLO client.test', 'MAIL FROM:<a@b.test>', `RCPT TO:<${to}>`, 'DATA']) await client.send(line)
  const reply = await client.send(`Subject: ${subject}\r\n\r\nHello\r\n.`)
  await client.quit()
  return reply
}

/** Looks again and again, for a while. */
export async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error('nothing came')
    await new Promise((wake) => setTimeout(wake, 20))
  }
}
