/** The server that comes with OpenSSL: handshakes, and nothing after them. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CERTIFICATE } from '../../conformance/certificate.ts'
import { programPath } from '../../runner/program.ts'
import { SOCKET } from '../folder.ts'
import { usageOfTree } from '../process-tree.ts'
import { stopChild } from '../stop-child.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'openssl s_server: handshakes alone',
  async start({ folder }) {
    const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
    writeFileSync(files.cert, CERTIFICATE.cert)
    writeFileSync(files.key, CERTIFICATE.key)
    // It does not take a path of more than 31 octets.
    const args = ['s_server', '-unix', SOCKET, '-cert', files.cert, '-key', files.key, '-www', '-no_ticket']
    const server = spawn(programPath('openssl'), args, { cwd: folder, stdio: ['pipe', 'ignore', 'ignore'] })
    return {
      usage: () => usageOfTree(server.pid ?? 0),
      close: () => stopChild(server),
    }
  },
}
