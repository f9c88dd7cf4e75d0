/** `postroad start` as a process: signals, workers, users. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { chmod, chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { SmtpClient } from '../failure/smtp-client.ts'
import { collect, freePort, Operator, rule, send, until } from './operator.ts'

const operator = await Operator.begin()
after(() => operator.end())

interface Running {
  readonly child: ChildProcess
  readonly port: number
  readonly out: () => string
  readonly err: () => string
}

interface StartOptions {
  readonly args?: readonly string[]
  /** Of the configuration. */
  readonly edit?: (text: string) => string
}

/** Starts a server on a free port, in a process group of its own, and waits until it listens. */
async function start(context: TestContext, name: string, options: StartOptions = {}): Promise<Running> {
  const { args = [], edit = (text) => text } = options
  const port = await freePort()
  const text = rule('bad').replace('port: 0', `port: ${port}`).replace('kept', `kept-${name}`)
  const file = await operator.config(`${name}.ts`, edit(text))
  const child = operator.spawn(['start', file, '--log', 'json', ...args], { detached: true })
  context.after(() => signalGroup(child, 'SIGKILL'))
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  await until(() => /Stop with Ctrl-C/.exec(out())?.[0])
  return { child, port, out, err }
}

/** What a terminal does: the signal goes to all processes of the group. */
function signalGroup(child: ChildProcess, name: NodeJS.Signals): void {
  signal(-(child.pid ?? 0), name)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // Whoever it was is gone already.
  }
}

/** A transaction that will not end. */
async function busy(port: number): Promise<SmtpClient> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  for (const line of ['EHLO client.test', 'MAIL FROM:<a@b.test>', 'RCPT TO:<c@ours.test>', 'DATA'])
    await client.send(line)
  return client
}

async function workersOf({ child }: Running): Promise<readonly number[]> {
  const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
  return children.trim().split(' ').map(Number)
}

test('the first Ctrl-C lets a transaction finish, the second stops at once', async (context) => {
  const running = await start(context, 'twice')
  const client = await busy(running.port)
  signalGroup(running.child, 'SIGINT')
  await until(() => /"draining"/.exec(running.out())?.[0])
  const before = performance.now()
  const exited = once(running.child, 'exit')
  signalGroup(running.child, 'SIGINT')
  assert.deepEqual(await exited, [1, null])
  assert.ok(performance.now() - before < 10_000, 'not when the grace is over')
  assert.match(running.err(), /Stopped at once by a second SIGINT/)
  client.end()
})

test('--workers: several processes share the port, one that is killed is replaced, and all drain', async (context) => {
  const running = await start(context, 'many', { args: ['--workers', '2'] })
  const { child, port, out, err } = running
  assert.match(out(), new RegExp(`"process":${child.pid}`), 'a reload is for all of them')
  assert.match(await send(port, 'good'), /^250/)
  process.kill((await workersOf(running))[0] ?? 0, 'SIGKILL')
  await until(() => (err().includes('another takes its place') ? 'yes' : undefined))
  for (let i = 0; i < 6; i++)
    assert.match(await until(() => send(port, i % 2 ? 'good' : 'bad').catch(() => undefined)), i % 2 ? /^250/ : /^550/)
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
  assert.match((await operator.run('start', 'many.ts', '--workers', 'many')).err, /whole number from 1 to 256, or auto/)
})

test('a process that can never write a database file again ends itself, and another takes its place', async (context) => {
  const lose = `process.on('SIGUSR2', () => process.emitWarning('its lock failed', { code: 'ERR_EMBEDDED_LOST' }))\n`
  const running = await start(context, 'lost', { args: ['--workers', '2'], edit: (text) => `${text}\n${lose}` })
  process.kill((await workersOf(running))[0] ?? 0, 'SIGUSR2')
  await until(() => (running.err().includes('another takes its place') ? 'yes' : undefined))
  assert.match(await until(() => send(running.port, 'good').catch(() => undefined)), /^250/)
  const exited = once(running.child, 'exit')
  running.child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})

test('SIGHUP while processes begin ends none of them, and is not forgotten', async (context) => {
  const running = await start(context, 'young', { args: ['--workers', '3'] })
  // One serves, two have just been forked.
  running.child.kill('SIGHUP')
  await until(() => (running.out().split('"reloaded"').length > 3 ? 'all three' : undefined))
  assert.doesNotMatch(`${running.out()}${running.err()}`, /another takes its place/)
  const exited = once(running.child, 'exit')
  running.child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})

test('of several reloads the last counts, however long a file before it takes to be read', async (context) => {
  const slow = `import { existsSync, writeSync } from 'node:fs'
writeSync(1, '"it is read"')
while (existsSync('turns.slow')) await new Promise((wake) => setTimeout(wake, 20))
`
  const { child, port, out } = await start(context, 'turns', { edit: (text) => slow + text })
  const [file, wait] = [path.join(operator.folder, 'turns.ts'), path.join(operator.folder, 'turns.slow')]
  await writeFile(wait, '')
  child.kill('SIGHUP')
  await until(() => (out().split('"it is read"').length > 2 ? 'twice' : undefined))
  await writeFile(file, (await readFile(file, 'utf8')).slice(slow.length).replace("'bad'", "'worse'"))
  child.kill('SIGHUP')
  await until(() => /"reloaded"/.exec(out())?.[0])
  await rm(wait)
  await until(() => /"not reloaded: another reload was asked for meanwhile"/.exec(out())?.[0])
  assert.match(await send(port, 'worse'), /^550/)
  assert.match(await send(port, 'bad'), /^250/)
})

/** A server that has read its configuration half, and goes on when it is told to. */
async function halfStarted(context: TestContext, name: string, args: readonly string[] = []) {
  const wait = `import { existsSync, writeSync } from 'node:fs'
writeSync(1, 'it begins')
while (!existsSync('${name}.go')) await new Promise((wake) => setTimeout(wake, 20))
`
  const text = rule('bad').replace('kept', `kept-${name}`)
  const child = operator.spawn(['start', await operator.config(`${name}.ts`, wait + text), '--log', 'json', ...args], {
    detached: true,
  })
  context.after(() => signalGroup(child, 'SIGKILL'))
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  await until(() => /it begins/.exec(out())?.[0])
  return { child, out, err, goOn: () => writeFile(path.join(operator.folder, `${name}.go`), '') }
}

for (const args of [[], ['--workers', '2']]) {
  const who = args.length > 0 ? 'a supervisor' : 'one process'
  test(`${who} that is not ready yet: SIGHUP is a reload when it is, SIGTERM an end in order`, async (context) => {
    const { child, out, err, goOn } = await halfStarted(context, `half-${args.length}`, args)
    child.kill('SIGHUP')
    await goOn()
    await until(() => /"reloaded"/.exec(out())?.[0])
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    assert.deepEqual([await exited, err()], [[0, null], ''])
  })

  test(`${who} that is told to stop before it is ready, by Ctrl-C: an end in order`, async (context) => {
    const { child, out, goOn } = await halfStarted(context, `early-${args.length}`, args)
    const exited = once(child, 'exit')
    signalGroup(child, 'SIGINT')
    await goOn()
    assert.deepEqual(await exited, [0, null])
    assert.match(out(), /"draining"/)
  })
}

test('a second SIGTERM ends at once who is not ready yet', async (context) => {
  const { child } = await halfStarted(context, 'early-twice')
  const exited = once(child, 'exit')
  for (const pause of [0, 200]) {
    await new Promise((wake) => setTimeout(wake, pause))
    child.kill('SIGTERM')
  }
  assert.deepEqual(await exited, [1, null])
})

test('--workers: a connection that was given to a worker which dies before it takes it is closed, not forgotten', {
  timeout: 60_000,
}, async (context) => {
  const running = await start(context, 'passed-on', { args: ['--workers', '2'] })
  const workers = await until(async () => {
    const all = await workersOf(running)
    return all.length === 2 ? all : undefined
  })
  for (const worker of workers) process.kill(worker, 'SIGSTOP')
  const sockets = Array.from({ length: 3 }, () =>
    connect({ port: running.port, host: '127.0.0.1' })
      .on('error', () => {})
      .resume(),
  )
  // A reset is a closing too, and comes as an error before it: `once` would reject.
  const ends = sockets.map((socket) => new Promise((end) => socket.once('close', end).once('data', end)))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (const worker of workers) process.kill(worker, 'SIGKILL')
  // Those that are closed come again; one that waits in the supervisor is served by the next worker.
  await Promise.all(ends)
  for (const socket of sockets) socket.destroy()
})

test('--workers: workers that die again and again are replaced more slowly, and the others go on', async (context) => {
  const running = await start(context, 'dying', { args: ['--workers', '2'] })
  const [steady = 0] = await workersOf(running)
  for (let i = 1; i <= 5; i++) {
    const victim = await until(async () => (await workersOf(running)).find((pid) => pid !== steady && pid > 0))
    process.kill(victim, 'SIGKILL')
    await until(() => running.err().split('another takes its place').length > i || undefined)
  }
  assert.match(running.err(), /another takes its place in 5000 ms"\}\n$/)
  assert.match(await send(running.port, 'good'), /^250/)
  const exited = once(running.child, 'exit')
  running.child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})

test('--workers: Ctrl-C, which a terminal sends to every process, lets transactions finish', async (context) => {
  const running = await start(context, 'ctrl-c', { args: ['--workers', '2'] })
  const { child, port, out, err } = running
  const client = await busy(port)
  const exited = once(child, 'exit')
  child.kill('SIGINT')
  await until(() => /"draining"/.exec(out())?.[0])
  // The one that has nothing to do may have ended by now.
  for (const worker of await workersOf(running)) signal(worker, 'SIGINT')
  assert.match(await client.send('Subject: x\r\n\r\nx\r\n.'), /^250/)
  assert.deepEqual(await exited, [0, null])
  assert.equal(err(), '')
})

test('--workers: the second Ctrl-C stops all of them at once', async (context) => {
  const { child, port, out } = await start(context, 'ctrl-c-twice', { args: ['--workers', '2'] })
  const client = await busy(port)
  signalGroup(child, 'SIGINT')
  await until(() => /"draining"/.exec(out())?.[0])
  const exited = once(child, 'exit')
  signalGroup(child, 'SIGINT')
  assert.deepEqual(await exited, [1, null])
  client.end()
})

const isRoot = process.getuid?.() === 0
const skipUser = !isRoot
  ? 'needs root'
  : !othersReach(import.meta.dirname) && 'needs a repository that is not in a folder of root’s own'

/** Whether those who are nobody here may go there: a worker without rights reads its own code. */
function othersReach(folder: string): boolean {
  const above = path.dirname(folder)
  return (statSync(folder).mode & 0o005) === 0o005 && (above === folder || othersReach(above))
}

/** A UNIX socket on which nobody answers. */
async function leaveSocket(file: string): Promise<void> {
  const script = `require('node:net').createServer().listen(${JSON.stringify(file)}, () => process.kill(process.pid, 'SIGKILL'))`
  await once(spawn(process.execPath, ['-e', script]), 'exit')
}

test('--user: the sockets are opened with all rights, the mail is handled with few', {
  skip: skipUser,
}, async (context) => {
  const kept = path.join(operator.folder, 'kept-rights')
  await mkdir(kept)
  const nobody = Number((await readFile('/etc/passwd', 'utf8')).match(/^nobody:[^:]*:(\d+):/m)?.[1])
  await chown(kept, nobody, nobody)
  const listens = `.listen({ name: 'lmtp', protocol: 'lmtp', path: 'rights.sock' }).listen({ name: 'milter', path: 'group.sock', mode: 0o666, group: 'mail' }).listen({ name: 'web', protocol: 'http', path: 'web.sock', mode: 0o640, group: 'mail' }).listen(`
  const args = ['--user', 'nobody', '--workers', '2']
  // What a crash has left behind in a folder where nobody may write.
  for (const name of ['rights.sock', 'group.sock', 'web.sock']) await leaveSocket(path.join(operator.folder, name))
  const running = await start(context, 'rights', { args, edit: (text) => text.replace('.listen(', listens) })
  assert.match(await send(running.port, 'good'), /^250/)
  const [worker] = await workersOf(running)
  const status = await readFile(`/proc/${worker}/status`, 'utf8')
  assert.match(status, new RegExp(`^Uid:(?:\\t${nobody}){4}$`, 'm'))
  assert.match(status, /^Groups:\t *$/m)
  assert.match(status, /^CapEff:\t0+$/m)
  assert.equal((await stat(path.join(kept, 'incoming'))).uid, nobody)
  const socket = await stat(path.join(operator.folder, 'rights.sock'))
  assert.deepEqual([socket.uid, socket.mode & 0o777], [nobody, 0o660])
  const mail = Number((await readFile('/etc/group', 'utf8')).match(/^mail:[^:]*:(\d+):/m)?.[1])
  const rightsOfGroup = async () => {
    const { uid, gid, mode } = await stat(path.join(operator.folder, 'group.sock'))
    return [uid, gid, mode & 0o777]
  }
  assert.deepEqual(await rightsOfGroup(), [nobody, mail, 0o666])
  const forWeb = await stat(path.join(operator.folder, 'web.sock'))
  assert.deepEqual([forWeb.uid, forWeb.gid, forWeb.mode & 0o777], [nobody, mail, 0o640])
  // A reload with other rights; a worker that takes the place of another asks for the same.
  const file = path.join(operator.folder, 'rights.ts')
  await writeFile(file, (await readFile(file, 'utf8')).replace('0o666', '0o620'))
  running.child.kill('SIGHUP')
  await until(async () => ((await rightsOfGroup())[2] === 0o620 ? 'yes' : undefined))
  assert.deepEqual(await rightsOfGroup(), [nobody, mail, 0o620])
  assert.doesNotMatch(running.out() + running.err(), /not reloaded|ERR_|EPERM/)
  for (const line of `${running.out()}${running.err()}`.trimEnd().split('\n'))
    assert.doesNotThrow(() => JSON.parse(line), line)
  const local = await SmtpClient.connect(path.join(operator.folder, 'rights.sock'))
  assert.match(await local.reply(), /^220 mx\.test LMTP/)
  local.end()
  const exited = once(running.child, 'exit')
  running.child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
  assert.match(
    (await operator.run('start', 'rights.ts', '--user', 'no-such-user')).err,
    /^--user: there is no user "no-such-user"\n$/,
  )
  await chown(kept, 0, 0)
  await rm(path.join(kept, 'incoming'), { recursive: true })
  await chmod(kept, 0o700)
  const refused = await operator.run('start', 'rights.ts', '--user', 'nobody')
  assert.equal(refused.code, 1)
  assert.match(refused.err, /^ERR_FOLDER: folder .*kept-rights cannot be used: EACCES[^\n]*\n {2}[^\n]*\n$/)
})
