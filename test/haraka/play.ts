/** One plugin in the real engine: some sessions, and what is seen of them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { createTestServer, sessionOn } from '@postroad/testing'
import { haraka } from '../../plugins/haraka/src/index.ts'

/** One session, and what has to be seen in reply, results or fields of it. */
export interface Dialogue {
  readonly says: string
  readonly ip?: string
  readonly helo?: string
  readonly from?: string
  readonly to?: string
  readonly auth?: { readonly username: string; readonly password: string }
  readonly data?: string
  /** The plugin gets ready in its own time: played again until it is as it has to be, for some seconds. */
  readonly patient?: boolean
  until?(): boolean
  /** In `code status text | results | fields that were added`. */
  readonly sees: RegExp
}

/** A plugin, and how it is played. */
export interface Played {
  /** Chain, when it is not the plugin alone. */
  readonly plugins?: readonly string[]
  readonly files?: Readonly<Record<string, string>>
  readonly options?: object
  readonly dialogues: readonly Dialogue[]
}

const CLIENT = '66.128.51.165'
export const LETTER =
  'From: ann@example.net\nTo: bob@mx.test\nDate: Mon, 30 Nov 2026 18:00:00 +0000\nMessage-ID: <1@example.net>\nSubject: hello\n\nhello\n'

/** Plays all dialogues of a plugin; what was not as it has to be. */
export async function play(
  name: string,
  { plugins = [name], files = {}, options = {}, dialogues }: Played,
  home: string,
): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-haraka-'))
  const faults: string[] = []
  mkdirSync(join(folder, 'config'))
  for (const [file, text] of Object.entries(files)) {
    const path = join(folder, file.includes('/') ? file : `config/${file}`)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text, { mode: 0o755 })
  }
  try {
    const use = haraka({ plugins: [...plugins], folder: home, config: join(folder, 'config'), ...options })
    const server = await createTestServer([use])
    try {
      for (const one of dialogues) {
        let seen = await heard(server, one)
        const isRight = (): boolean => one.sees.test(seen) && (one.until?.() ?? true)
        for (let left = one.patient ? 50 : 0; left > 0 && !isRight(); left--) {
          await setTimeout(100)
          seen = await heard(server, one)
        }
        if (!isRight()) faults.push(`${one.says}: ${seen.slice(0, 600)}`)
      }
    } finally {
      await server.close()
    }
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return faults
}

async function heard(server: Awaited<ReturnType<typeof createTestServer>>, one: Dialogue): Promise<string> {
  const { ip = CLIENT, helo = 'mail.example.net', from = 'ann@example.net', to = 'bob@mx.test', data = LETTER } = one
  const before = server.delivered.length
  const lines = server.lines.length
  const session = sessionOn(server).from(ip)
  const steps: (() => typeof session)[] = [() => session.helo(helo)]
  if (one.auth) steps.push(() => session.tls().auth(one.auth ?? { username: '', password: '' }))
  steps.push(
    () => session.mail(from),
    () => session.rcpt(to),
    () => session.data(data),
  )
  let reply: Awaited<typeof session>['reply']
  for (const step of steps) {
    reply = (await step()).reply
    if (reply && reply.code >= 400) break
  }
  await session.quit()
  const delivered = server.delivered.slice(before)
  const facts = server.lines.slice(lines).flatMap((line) => Object(line['facts']).haraka ?? [])
  const fields = delivered.map(({ bytes }) => Buffer.from(bytes).toString('latin1').split('\r\n\r\n')[0]).join('\n')
  return `${reply?.code} ${reply?.status} ${reply?.text} | ${JSON.stringify(facts)} | ${delivered.map((mail) => mail.to.join()).join()} | ${fields}`
}
