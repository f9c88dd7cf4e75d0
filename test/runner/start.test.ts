/** `npm start` as a user meets it: it builds, takes mail, and leaves when told to, with nothing left behind. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createTransport } from 'nodemailer'
import { freePorts, waitForBanner } from '../interop/loopback.ts'
import { ROOT } from '../structure/workspace.ts'
import { programPath } from './program.ts'

const START_LIMIT_MS = 120_000

/** What it says first, and to whom: people by default, also where there is no terminal. */
const WAYS = [
  { signal: 'SIGINT', words: [], greeting: /^Postroad is listening as mx\.postroad\.test\n[^{]*\(process (\d+)\)\.$/m },
  { signal: 'SIGTERM', words: ['--', '--log', 'json'], greeting: /^\{.*"text":"listening\b.*"process":(\d+).*\}$/m },
] as const

for (const { signal, words, greeting } of WAYS) {
  test(`npm ${['start', ...words].join(' ')} takes mail into Maildirs, and ${signal} ends it with exit code 0 and no process left`, {
    timeout: START_LIMIT_MS,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pr-start-'))
    const [port = 0] = await freePorts(1)
    const env = {
      ...process.env,
      POSTROAD_PORT: `${port}`,
      POSTROAD_FOLDER: join(folder, 'var'),
      POSTROAD_MAIL: join(folder, 'mail'),
    }
    // A group of its own: a key press at a terminal reaches every process of it, and npm passes the signal on as well.
    const npm = spawn(programPath('npm'), ['start', ...words], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let said = ''
    for (const stream of [npm.stdout, npm.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (said += text))
    const gone = once(npm, 'exit')
    try {
      await until(() => said.includes('listening') || npm.exitCode !== null)
      await waitForBanner(port)
      const transport = createTransport({ host: '127.0.0.1', port, ignoreTLS: true })
      await transport.sendMail({
        from: 'sender@client.example',
        to: 'alice@postroad.test',
        subject: 'first mail',
        text: 'Hello',
      })
      // 250 says that it is stored; it is in the mailbox a moment later.
      const arrived = () => globSync(join(folder, 'mail/alice/new/*'))
      await until(() => arrived().length > 0 || npm.exitCode !== null)
      const [file] = arrived()
      assert.ok(file, said)
      assert.match(
        readFileSync(file, 'latin1'),
        /^Return-Path: <sender@client\.example>\r?\nReceived: .*\r?\nSubject: first mail\r?\n/s,
      )
      const server = Number(greeting.exec(said)?.[1])
      assert.ok(isAlive(server), said)
      process.kill(-(npm.pid ?? 0), signal)
      assert.deepEqual(await gone, [0, null], said)
      assert.ok(!isAlive(server))
    } finally {
      if (npm.exitCode === null && npm.signalCode === null) process.kill(-(npm.pid ?? 0), 'SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
