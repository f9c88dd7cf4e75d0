/** A policy service for tests, which answers what it is told and remembers what it was asked. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

export interface FakeService extends AsyncDisposable {
  readonly at: string
  readonly asked: readonly Readonly<Record<string, string>>[]
  readonly connections: number
  /** The next answers; `close` closes the connection instead, `silence` says nothing. The last stays. */
  answers: string[]
  /** Closes what is open. */
  hangUp(): void
}

export async function startService(...answers: string[]): Promise<FakeService> {
  const asked: Readonly<Record<string, string>>[] = []
  const sockets = new Set<Socket>()
  let count = 0
  const server = createServer((socket) => {
    count++
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (!text.endsWith('\n\n')) return
      asked.push(
        Object.fromEntries(
          text
            .trim()
            .split('\n')
            .map((line) => line.split(/=(.*)/s).slice(0, 2)),
        ),
      )
      text = ''
      const answer = (service.answers.length > 1 ? service.answers.shift() : service.answers[0]) ?? 'DUNNO'
      if (answer === 'close') socket.destroy()
      else if (answer !== 'silence') socket.write(answer.includes('\n') ? answer : `action=${answer}\n\n`)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const service: FakeService = {
    at: `inet:127.0.0.1:${port}`,
    asked,
    get connections() {
      return count
    },
    answers,
    hangUp() {
      for (const socket of sockets) socket.destroy()
    },
    async [Symbol.asyncDispose]() {
      server.close()
      service.hangUp()
      await once(server, 'close')
    },
  }
  return service
}
