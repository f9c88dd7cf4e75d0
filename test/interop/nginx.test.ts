/** The mail proxy of nginx in front: it authenticates the clients, and says with XCLIENT who they are, LOGIN too. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ListenOptions } from '@postroad/core'
import { accept, definePlugin } from '@postroad/plugin'
import { routing } from '@postroad/routing'
import { startServer } from '../policy/server.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { freePorts, waitForBanner } from './loopback.ts'

const skip = requires('nginx-light', 'libnginx-mod-mail')
const MODULE = '/usr/lib/nginx/modules/ngx_mail_module.so'

/** nginx in a folder of its own, on a port of the loopback; whom it lets in says a server of ours. */
interface Front extends AsyncDisposable {
  readonly port: number
}

async function startNginx(upstream: number, auth: 'plain' | 'none'): Promise<Front> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-nginx-'))
  const [port = 0, authPort = 0] = await freePorts(2)
  const judge = createHttpServer(({ headers }, response) => {
    const isGood = auth === 'none' || headers['auth-pass'] === 'secret'
    const answer = isGood
      ? { 'Auth-Status': 'OK', 'Auth-Server': '127.0.0.1', 'Auth-Port': String(upstream) }
      : { 'Auth-Status': 'Invalid login or password', 'Auth-Wait': '1' }
    response.writeHead(200, answer).end()
  }).listen(authPort, '127.0.0.1')
  await once(judge, 'listening')
  await mkdir(join(folder, 'logs'))
  await chmod(folder, 0o755)
  await writeFile(
    join(folder, 'nginx.conf'),
    `load_module ${MODULE};
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log info;
events { worker_connections 64; }
mail {
  server_name front.test;
  auth_http 127.0.0.1:${authPort}/auth;
  proxy_pass_error_message on;
  server { listen 127.0.0.1:${port}; protocol smtp; smtp_auth ${auth}; smtp_greeting_delay 0; }
}
`,
  )
  const nginx = spawn(programPath('nginx'), ['-p', folder, '-e', `${folder}/error.log`, '-c', `${folder}/nginx.conf`], {
    stdio: 'ignore',
  })
  const ended = once(nginx, 'exit')
  const early = new AbortController()
  void ended.then(async () =>
    early.abort(new Error(`nginx has ended: ${await readFile(`${folder}/error.log`, 'utf8').catch(String)}`)),
  )
  await waitForBanner(port, early.signal)
  return {
    port,
    async [Symbol.asyncDispose]() {
      nginx.kill('SIGTERM')
      await ended
      judge.close()
      judge.closeAllConnections()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

interface Seen {
  readonly address: string
  readonly identity: string | undefined
}

async function startBehind(
  listen: Partial<ListenOptions>,
): Promise<{ seen: Seen[]; server: Awaited<ReturnType<typeof startServer>> }> {
  const seen: Seen[] = []
  const witness = definePlugin({
    name: 'witness',
    hooks: {
      mail({ session: { remote, identity } }) {
        seen.push({ address: remote.address, identity: identity?.name })
        return accept()
      },
    },
  })
  const plugins = [
    witness(),
    definePlugin({
      name: 'users',
      hooks: { auth: { mechanisms: ['PLAIN'], handler: () => assert.fail('nginx has asked already') } },
    })(),
    routing({
      domains: { 'mx.test': { via: 'maildir' } },
      relay: { networks: ['127.0.0.1'], authenticated: true, via: 'smtp' },
    }),
  ]
  return { seen, server: await startServer(plugins, { xclient: ['127.0.0.1/32'], authWithoutTls: true, ...listen }) }
}

/** Says each line when the one before is answered, from an address of the loopback; gives the last line of each reply, the banner's first. */
async function talk(
  port: number,
  localAddress: string,
  lines: readonly string[],
): Promise<{ replies: string[]; end(): void }> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.setEncoding('latin1').on('error', () => {})
  const replies: string[] = []
  const rest = [...lines]
  let text = ''
  await new Promise<void>((resolve) => {
    socket.on('close', () => resolve())
    socket.on('data', (chunk: string) => {
      text += chunk
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 2)
        if (line[3] === '-') continue
        replies.push(line)
        const next = rest.shift()
        if (next === undefined) return resolve()
        socket.write(`${next}\r\n`)
      }
    })
  })
  return { replies, end: () => void socket.destroy() }
}

const codes = (replies: readonly string[]): string => replies.map((reply) => reply.slice(0, 3)).join(' ')
const LOGIN = ['EHLO client.example', `AUTH PLAIN ${Buffer.from('\0alice@mx.test\0secret').toString('base64')}`]
const MESSAGE = [
  'MAIL FROM:<alice@mx.test>',
  'RCPT TO:<b@elsewhere.example>',
  'DATA',
  'Subject: x\r\n\r\nx\r\n.',
  'QUIT',
]

test('nginx: with xclientLogin "trust" its users are ours, and may send', { skip, timeout: 60_000 }, async () => {
  const { seen, server } = await startBehind({ auth: 'required', xclientLogin: 'trust' })
  await using _server = server
  await using nginx = await startNginx(server.port, 'plain')
  const { replies } = await talk(nginx.port, '127.0.0.5', [...LOGIN, ...MESSAGE])
  assert.equal(codes(replies), '220 250 235 250 250 354 250 221', replies.join('\n'))
  assert.deepEqual(seen, [{ address: '127.0.0.5', identity: 'alice@mx.test' }])
})

test('nginx: by default its LOGIN is read and proves nothing, and mail for us comes in', {
  skip,
  timeout: 60_000,
}, async () => {
  const { seen, server } = await startBehind({})
  await using _server = server
  await using nginx = await startNginx(server.port, 'plain')
  const { replies } = await talk(nginx.port, '127.0.0.5', [
    ...LOGIN,
    ...MESSAGE.slice(0, 2),
    'RCPT TO:<b@mx.test>',
    ...MESSAGE.slice(2),
  ])
  assert.equal(codes(replies), '220 250 235 250 550 250 354 250 221', replies.join('\n'))
  assert.deepEqual(seen, [{ address: '127.0.0.5', identity: undefined }])
})

test('nginx: connections are counted for each of its clients, not for nginx', { skip, timeout: 60_000 }, async () => {
  const { seen, server } = await startBehind({ limits: { connectionsPerAddress: 2 } })
  await using _server = server
  await using nginx = await startNginx(server.port, 'none')
  const lines = ['EHLO client.example', 'MAIL FROM:<a@x.example>', 'RCPT TO:<b@mx.test>']
  const open: { replies: string[]; end(): void }[] = []
  for (const address of ['127.0.0.2', '127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6'])
    open.push(await talk(nginx.port, address, lines))
  for (const { replies } of open) assert.equal(codes(replies), '220 250 250 250', replies.join('\n'))
  const { replies } = await talk(nginx.port, '127.0.0.2', lines)
  assert.match(replies.at(-1) ?? '', /^4/, replies.join('\n'))
  assert.equal(seen.length, 6)
  for (const { end } of open) end()
})

test('nginx: what its client says to us through it is not said by nginx', { skip, timeout: 60_000 }, async () => {
  const { seen, server } = await startBehind({ xclientLogin: 'trust' })
  await using _server = server
  await using nginx = await startNginx(server.port, 'none')
  const [mail = '', rcpt = ''] = MESSAGE
  // Once it has said who the client is nginx hands on every octet, and the client may say XCLIENT, too.
  const forged = ['XCLIENT ADDR=127.0.0.1 LOGIN=alice@mx.test', 'EHLO client.example', mail, rcpt]
  const { replies, end } = await talk(nginx.port, '127.0.0.5', [
    'EHLO client.example',
    mail,
    'RCPT TO:<b@mx.test>',
    'RSET',
    ...forged,
  ])
  end()
  assert.equal(codes(replies), '220 250 250 250 250 550 250 250 550', replies.join('\n'))
  assert.deepEqual(
    seen.map(({ address, identity }) => [address, identity]),
    [
      ['127.0.0.5', undefined],
      ['127.0.0.5', undefined],
    ],
  )
})
