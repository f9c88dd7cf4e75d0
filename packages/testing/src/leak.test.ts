/** Whose the open things are: the police name what a plugin left behind, and nothing of the servers that its test runs for it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { definePlugin } from '@postroad/plugin'
import { runCase } from './case.ts'

/** Milliseconds after which a test here has failed, whatever it waits for. */
const LIMIT = { timeout: 20_000 }

/** One session with a plugin that does `work` at MAIL; what is still open 50 ms after the end of it is a leak. */
function sessionOf(work: () => Promise<unknown>): Promise<void> {
  const make = definePlugin({ name: 'asking', hooks: { mail: async () => void (await work()) } })
  return runCase({
    make,
    surroundings: { patience: 50 },
    earlier: [],
    wait: 0,
    session: { mail: 'a@client.test' },
    expected: { accepted: true },
  })
}

async function askedBy(options: https.RequestOptions, { get }: Pick<typeof https, 'get'> = http): Promise<void> {
  const request = get(options)
  const [response]: http.IncomingMessage[] = await once(request, 'response')
  response?.resume()
  await once(request, 'close')
}

/** TLS without certificates. */
const ANONYMOUS = { ciphers: 'AECDH-AES128-SHA@SECLEVEL=0', maxVersion: 'TLSv1.2', rejectUnauthorized: false } as const

const addressOf = (server: net.Server): AddressInfo => server.address() as AddressInfo // it listens on TCP

describe('the own server of a test, older than the session', LIMIT, () => {
  const slow: NodeJS.Timeout[] = []
  const server = http.createServer((request, response) => {
    if (request.url === '/slow') slow.push(setInterval(() => undefined, 60_000).unref())
    response.end('hi')
  })
  const socket = path.join(os.tmpdir(), `postroad-leak-${process.pid}.sock`)
  const onSocket = http.createServer((_request, response) => response.end('hi'))
  const overTls = https.createServer(ANONYMOUS, (_request, response) => response.end('hi'))
  let port = 0
  before(async () => {
    await Promise.all(
      [server.listen(0, '127.0.0.1'), overTls.listen(0, '127.0.0.1'), onSocket.listen(socket)].map((one) =>
        once(one, 'listening'),
      ),
    )
    port = addressOf(server).port
  })
  after(() => {
    for (const { globalAgent } of [http, https]) globalAgent.destroy()
    for (const timer of slow) clearInterval(timer)
    for (const one of [server, overTls, onSocket]) one.close().closeAllConnections()
  })

  test('is asked by fetch', LIMIT, () => sessionOf(async () => (await fetch(`http://127.0.0.1:${port}/`)).text()))
  test('is asked by the agent of Node, which keeps the connection', LIMIT, () =>
    sessionOf(() => askedBy({ host: '127.0.0.1', port })),
  )
  test('is asked again on the kept connection', LIMIT, () =>
    sessionOf(async () => {
      for (const timeout of [5_000, 6_000]) await askedBy({ host: '127.0.0.1', port, timeout })
    }),
  )
  test('is asked by its name', LIMIT, () => sessionOf(() => askedBy({ host: 'localhost', family: 4, port })))
  test('is asked on a UNIX socket', LIMIT, () => sessionOf(() => askedBy({ socketPath: socket })))
  test('is asked over TLS, on a connection that is kept and one that is not', LIMIT, () =>
    sessionOf(async () => {
      const options = { host: '127.0.0.1', port: addressOf(overTls).port, ...ANONYMOUS }
      await askedBy(options, https)
      await askedBy(options, https)
      assert.equal(Object.values(https.globalAgent.freeSockets).length, 1, 'it is kept')
      await askedBy({ ...options, agent: false }, https)
    }),
  )
  test('may keep what it opened itself to answer, on a kept connection as well', LIMIT, async () => {
    http.globalAgent.destroy()
    for (const count of [1, 2]) {
      await sessionOf(() => askedBy({ host: '127.0.0.1', port, path: '/slow' }))
      assert.equal(slow.length, count)
    }
  })

  test('its connection is a leak of whoever keeps it by an agent of his own', LIMIT, async () => {
    const agent = new http.Agent({ keepAlive: true })
    try {
      await assert.rejects(
        sessionOf(() => askedBy({ host: '127.0.0.1', port, agent })),
        /a socket opened .*leak\.test\.ts:\d+.* is still there/,
      )
      await assert.rejects(
        sessionOf(() => askedBy({ host: '127.0.0.1', port, agent })),
        /a socket opened .*leak\.test\.ts:\d+.* is still there/,
        'a kept connection that was taken again',
      )
    } finally {
      agent.destroy()
    }
  })

  test('so is one over TLS', LIMIT, async () => {
    const agent = new https.Agent({ keepAlive: true })
    try {
      await assert.rejects(
        sessionOf(() => askedBy({ host: '127.0.0.1', port: addressOf(overTls).port, ...ANONYMOUS, agent }, https)),
        /a socket opened .*leak\.test\.ts:\d+.* is still there/,
      )
    } finally {
      agent.destroy()
    }
  })

  test('its connection is a leak of whoever does not read the answer', LIMIT, async () => {
    const asked: http.ClientRequest[] = []
    try {
      await assert.rejects(
        sessionOf(async () => {
          const unread = http.get({ host: '127.0.0.1', port })
          asked.push(unread)
          await once(unread, 'response')
        }),
        /a socket opened .*leak\.test\.ts:\d+.* is still there/,
      )
    } finally {
      for (const one of asked) one.destroy()
    }
  })

  test('an interval that is begun when it has answered is a leak', LIMIT, async () => {
    let timer: NodeJS.Timeout | undefined
    try {
      await assert.rejects(
        sessionOf(async () => {
          await askedBy({ host: '127.0.0.1', port })
          timer = setInterval(() => undefined, 60_000).unref()
        }),
        /a timer opened .*leak\.test\.ts:\d+.* is still there/,
      )
    } finally {
      clearInterval(timer)
    }
  })
})

describe('the own server of a plugin', LIMIT, () => {
  test('is a leak, and its timers are not named beside it', LIMIT, async () => {
    const server = http.createServer()
    try {
      await assert.rejects(
        sessionOf(() => once(server.listen(0, '127.0.0.1'), 'listening')),
        ({ message }: Error) =>
          /a listening socket opened .*leak\.test\.ts:\d+/.test(message) && !/a timer/.test(message),
      )
    } finally {
      server.close().closeAllConnections()
    }
  })

  test('is no leak when it is closed, and what it accepted is one', LIMIT, async () => {
    const accepted: net.Socket[] = []
    const server = net.createServer((socket) => accepted.push(socket.on('error', () => undefined)))
    const clients: net.Socket[] = []
    try {
      await assert.rejects(
        sessionOf(async () => {
          await once(server.listen(0, '127.0.0.1'), 'listening')
          const both = once(server, 'connection')
          clients.push(net.connect(addressOf(server).port, '127.0.0.1'))
          await both
          server.close()
        }),
        /a socket accepted by the server opened .*leak\.test\.ts:\d+.* is still there/,
      )
    } finally {
      for (const socket of [...accepted, ...clients]) socket.destroy()
    }
  })
})
