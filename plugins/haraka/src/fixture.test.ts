/** A folder of Haraka for tests: files by their names, and a session with the plugins in it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import {
  createTestServer,
  type FluentSession,
  sessionOn,
  type TestServer,
  type TestServerOptions,
} from '@postroad/testing'
import { haraka } from './haraka.ts'

type Options = Parameters<typeof haraka>[0]

/** A folder with these files, gone when the tests of the file have ended. */
export function site(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'postroad-haraka-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['config', 'plugins']) mkdirSync(path.join(folder, name))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
  return folder
}

/** One plugin, written as its file would be. */
export function plugin(code: string, config: Readonly<Record<string, string>> = {}): string {
  const files = Object.entries(config).map(([name, text]) => [`config/${name}`, text] as const)
  return site({ 'plugins/own.js': code, 'config/plugins': 'own\n', ...Object.fromEntries(files) })
}

/** Runs a session against these uses, each with its operator's word. */
export async function played(
  uses: readonly (Options | readonly [Options, object])[],
  play: (session: FluentSession, server: TestServer) => unknown,
  options: TestServerOptions = {},
): Promise<void> {
  const used = uses.map((one, place) => {
    const [own, word] = Array.isArray(one) ? one : [one, {}]
    return [haraka(own as Options), { ...(uses.length > 1 && { as: `use-${place}` }), ...word }] as const
  })
  const server = await createTestServer(used as never, options)
  try {
    await play(sessionOn(server), server)
  } finally {
    await server.close()
  }
}
