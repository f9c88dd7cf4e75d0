/** Haraka in one process, as targets measure it. */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { usageOfTree } from '../process-tree.ts'
import { stopChild } from '../stop-child.ts'
import type { Place, Running } from '../target.ts'
import { installHaraka } from './install.ts'

const HERE = dirname(fileURLToPath(import.meta.url))

/** How a target has it. */
export interface HarakaOptions {
  /** Name of a plugin beside this file. */
  readonly plugin: string
  /** Names of plugins that come with Haraka, in order, before it. */
  readonly plugins?: readonly string[]
  /** Files of its configuration. */
  readonly config?: Readonly<Record<string, string>>
  readonly environment?: Readonly<Record<string, string>>
}

/** Its own defaults, but: one process as the other Node targets, no log, no TLS, no size that a large message would meet. */
export async function startHaraka(
  { port, folder }: Place,
  { plugin, plugins = [], config = {}, environment = {} }: HarakaOptions,
): Promise<Running> {
  const haraka = await installHaraka()
  for (const name of ['config', 'plugins', 'queue']) mkdirSync(join(folder, name))
  cpSync(join(haraka, 'config'), join(folder, 'config'), { recursive: true })
  const connection = readFileSync(join(haraka, 'config/connection.ini'), 'utf8')
  const files = {
    me: 'mx.postroad.test\n',
    plugins: `${[...plugins, plugin].join('\n')}\n`,
    'smtp.ini': `listen=127.0.0.1:${port}\nnodes=0\n`,
    'log.ini': '[main]\nlevel=emerg\n',
    'connection.ini': connection.replace(/^bytes=.*$/m, 'bytes=67108864'),
    'outbound.ini': 'local_mx_ok=true\nenable_tls=false\nconcurrency_max=100\n',
    ...config,
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'config', name), text)
  writeFileSync(join(folder, 'package.json'), '{"name":"bench","version":"1.0.0"}')
  cpSync(join(HERE, `${plugin}.cjs`), join(folder, `plugins/${plugin}.js`))
  const server = spawn(process.execPath, [join(haraka, 'haraka.js')], {
    cwd: folder,
    env: { ...process.env, HARAKA: folder, ...environment },
    stdio: 'ignore',
  })
  return {
    usage: () => usageOfTree(server.pid ?? 0),
    close: () => stopChild(server),
  }
}
