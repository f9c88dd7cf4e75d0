/** What tests of directories share: an option as an operator writes it, and a service that answers as it is told. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { Clock, Logger } from '@postroad/plugin'
import { type FakeClock, fakeClock } from '@postroad/testing'
import type { z } from 'zod'
import type { DirectoryDeps } from './deps.ts'
import { type Directory, openDirectory } from './directory.ts'
import { fromOption } from './zod.ts'

const schema = fromOption()

/** Opens what the option says; it is closed with the test. */
export async function opened(
  t: TestContext,
  from: z.input<typeof schema>,
  deps: Partial<DirectoryDeps> & { readonly clock?: Clock } = {},
): Promise<Directory & { readonly clock: FakeClock; readonly said: string[] }> {
  const clock = fakeClock()
  const said: string[] = []
  const say = (level: string) => (_: object, text: string) => void said.push(`${level}: ${text}`)
  const log: Logger = { debug: () => undefined, info: say('info'), warn: say('warn'), error: say('error') }
  const directory = await openDirectory(schema.parse(from), {
    name: 'people',
    clock,
    log,
    resolve: (file) => file,
    ...deps,
  })
  t.after(() => directory.close())
  return Object.assign(directory, { clock: (deps.clock as FakeClock) ?? clock, said }) // tests give fake ones
}

/** What is wrong with an option, as an operator reads it. */
export function mistakes(from: unknown): readonly string[] {
  const read = schema.safeParse(from)
  return read.success ? [] : read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

/** A service, and what it was asked. */
export interface Service {
  readonly url: string
  readonly asked: string[]
  /** Status and body of the next answers; a promise is waited for. */
  answer: (path: string) => readonly [status: number, body?: string] | Promise<readonly [number, string?]>
}

export async function service(t: TestContext, answer: Service['answer']): Promise<Service> {
  const asked: string[] = []
  const made = { asked, answer, url: '' }
  const server = createServer(async (request, response) => {
    asked.push(request.url ?? '')
    const [status, body = ''] = await made.answer(request.url ?? '')
    response.writeHead(status, { 'content-type': /^[[{]/.test(body) ? 'application/json' : 'text/plain' }).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  made.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return made
}
