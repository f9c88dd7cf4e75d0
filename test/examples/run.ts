/** Runs an example as an operator would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A running example. */
export interface Example {
  /** Ports of its listeners by name. */
  readonly ports: Readonly<Record<string, number>>
  /** Canonical lines so far. */
  lines(): Record<string, unknown>[]
  /** Its exit code. */
  stop(): Promise<number | null>
}

function postroad(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  return spawn(
    process.execPath,
    ['--conditions=@postroad/source', path.join(root, 'packages/cli/src/bin.ts'), ...args],
    {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  )
}

/** Runs a command to its end. @throws {Error} when its exit code is not 0 */
export async function command(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = '',
): Promise<string> {
  const child = postroad(args, env)
  let out = ''
  let err = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  child.stdin?.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${args.join(' ')}: exit code ${code}\n${out}${err}`)
  return out
}

/** Starts an example; resolves when it listens. */
export async function startExample(name: string, env: Readonly<Record<string, string>>): Promise<Example> {
  const child = postroad(['start', `examples/${name}`, '--log', 'json'], env)
  let out = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
  const closed = once(child, 'close')
  while (!out.includes('Stop with Ctrl-C')) {
    const ended = await Promise.race([
      closed.then(() => true),
      new Promise<false>((wake) => setTimeout(() => wake(false), 20)),
    ])
    if (ended) throw new Error(`${name} does not start:\n${out}`)
  }
  return {
    ports: Object.fromEntries(
      [...out.matchAll(/"([^"]+)":"127\.0\.0\.1:(\d+)"/g)].map((match) => [match[1] ?? '', Number(match[2])]),
    ),
    lines: () =>
      out
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
    async stop() {
      child.kill('SIGTERM')
      const [code] = (await closed) as [number | null]
      return code
    },
  }
}
