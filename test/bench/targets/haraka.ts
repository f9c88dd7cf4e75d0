/** Haraka in one process: its outbound queue, with fsynced files, and deliveries to the sink. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installHaraka } from '../haraka/install.ts'
import { usageOfTree } from '../process-tree.ts'
import type { Place, Target } from '../target.ts'

const HERE = dirname(fileURLToPath(import.meta.url))

export const target: Target = {
  title: 'Haraka: queue durably (but for the folder, which it never syncs), then deliver to the sink',
  async start(place) {
    const haraka = await installHaraka()
    for (const name of ['config', 'plugins', 'queue']) mkdirSync(join(place.folder, name))
    cpSync(join(haraka, 'config'), join(place.folder, 'config'), { recursive: true })
    for (const [name, text] of Object.entries(makeConfig(place, haraka)))
      writeFileSync(join(place.folder, 'config', name), text)
    writeFileSync(join(place.folder, 'package.json'), '{"name":"bench","version":"1.0.0"}')
    cpSync(join(HERE, '../haraka/relay.cjs'), join(place.folder, 'plugins/relay.js'))
    const server = spawn(process.execPath, [join(haraka, 'haraka.js')], {
      cwd: place.folder,
      env: { ...process.env, HARAKA: place.folder, SINK_PORT: String(place.sinkPort) },
      stdio: 'ignore',
    })
    return {
      usage: () => usageOfTree(server.pid ?? 0),
      close: async () => {
        const gone = once(server, 'exit')
        server.kill('SIGTERM')
        await gone
      },
    }
  },
}

/** Its own defaults, but: one process as the other Node targets, no log, no TLS, no size that the large scenario would meet. */
function makeConfig({ port }: Place, haraka: string): Record<string, string> {
  const connection = readFileSync(join(haraka, 'config/connection.ini'), 'utf8')
  return {
    me: 'mx.postroad.test\n',
    plugins: 'relay\n',
    'smtp.ini': `listen=127.0.0.1:${port}\nnodes=0\n`,
    'log.ini': '[main]\nlevel=emerg\n',
    'connection.ini': connection.replace(/^bytes=.*$/m, 'bytes=67108864'),
    'outbound.ini': 'local_mx_ok=true\nenable_tls=false\nconcurrency_max=100\n',
  }
}
