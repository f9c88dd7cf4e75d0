/** An endpoint that takes everything, in a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const SOURCE = `
const server = require('node:http').createServer((request, response) => {
  request.resume()
  request.once('end', () => response.writeHead(204).end())
})
server.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.on('disconnect', () => process.exit(0))
`

/** Starts one. */
export async function startHook(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const child = spawn(process.execPath, ['-e', SOURCE], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [port] = (await once(child, 'message')) as [number] // it says nothing else
  return {
    port,
    async close() {
      child.disconnect()
      await once(child, 'exit')
    },
  }
}
