/** A listener with routes, and a client that asks it. Has no tests of its own. */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import type { TestContext } from 'node:test'
import type { HttpIdentify, HttpRoute } from '@postroad/plugin'
import {
  createHttpListener,
  type HttpAnswer,
  type HttpListener,
  type HttpListenerOptions,
  type HttpToken,
  newToken,
} from './index.ts'

export const TOKENS = { read: newToken(), operate: newToken(), send: newToken(), old: newToken() }
export const NOW = Date.parse('2026-01-01T00:00:00Z')
export const tokens: readonly HttpToken[] = [
  { name: 'reader', sha256: TOKENS.read.sha256, roles: ['read'] },
  { name: 'operator', sha256: TOKENS.operate.sha256, roles: ['operate'] },
  { name: 'app', sha256: TOKENS.send.sha256, roles: ['send'] },
  { name: 'old', sha256: TOKENS.old.sha256, roles: ['admin'], expires: '2025-12-31T23:59:59Z' },
]

export interface Fixture {
  readonly listener: HttpListener
  readonly answers: HttpAnswer[]
  readonly lines: string[]
  ask(method: string, path: string, options?: Ask): Promise<Answer>
}
interface Ask {
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly token?: keyof typeof TOKENS
}
interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

export function deferred(): { promise: Promise<void>; resolve(): void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((go) => {
    resolve = go
  })
  return { promise, resolve }
}

export const route = (method: HttpRoute['method'], path: string, rest: Partial<HttpRoute> = {}): HttpRoute => ({
  method,
  path,
  access: 'read',
  summary: 'a test',
  handler: () => new Response('ok'),
  ...rest,
})

export async function start(
  context: TestContext,
  routes: readonly HttpRoute[],
  options: Partial<HttpListenerOptions> = {},
  identify: readonly HttpIdentify[] = [],
): Promise<Fixture> {
  const answers: HttpAnswer[] = []
  const lines: string[] = []
  const line = (_fields: object, text: string): void => void lines.push(text)
  const site = {
    routes: routes.map((each) => ({ plugin: 'tester', route: each })),
    identify,
    now: () => NOW,
    logOf: () => ({ debug: line, info: line, warn: line, error: line }),
    onAnswer: (answer: HttpAnswer) => void answers.push(answer),
  }
  const listener = createHttpListener({ name: 'web', hostname: 'mx.example.com', ...options }, site)
  await listener.listen()
  context.after(() => listener.close(0))
  const where = (): RequestOptions =>
    'path' in listener.address
      ? { socketPath: listener.address.path }
      : { host: '127.0.0.1', port: listener.address.port }
  const ask: Fixture['ask'] = (method, path, { headers = {}, body, token } = {}) =>
    new Promise((resolve, reject) => {
      const secret = token && { authorization: `Bearer ${TOKENS[token].secret}` }
      const sent = httpRequest(
        { ...where(), method, path, agent: false, headers: { ...secret, ...headers } },
        (incoming) => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => void chunks.push(chunk))
          incoming.on('end', () =>
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              text: Buffer.concat(chunks).toString(),
            }),
          )
          incoming.on('error', reject)
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  return { listener, answers, lines, ask }
}
