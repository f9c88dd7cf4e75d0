/** The Bayes classifier of rspamd alone: no rules, no network, its default tokeniser (OSB), with tokens in a Redis, as by default. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisServer, startRedis } from '../cluster/redis.ts'
import { freePorts } from '../interop/loopback.ts'
import { programPath, systemPath } from '../runner/program.ts'

/** What is tried of it. */
export interface RspamdSettings {
  /** Messages with fewer tokens are not judged. Its default is 11. */
  readonly minTokens: number
  /** Tokens that were seen less often do not count. Its default is 2. (`min_prob_strength` cannot be set in 3.4: with it no token counts.) */
  readonly minTokenHits: number
}

/** A running classifier. */
export interface RspamdBayes extends AsyncDisposable {
  learn(path: string, isJunk: boolean): Promise<void>
  /** From -1, surely wanted, to 1, surely junk; 0 when it says nothing. */
  score(path: string): Promise<number>
}

const PASSWORD = 'secret'
const START_LIMIT = 600_000
/** Of its symbols: an answer has two digits of a probability, and many of a score. */
const WEIGHT = 1_000_000

/** Starts one in a folder.  */
export async function rspamdBayes(folder: string, settings: RspamdSettings): Promise<RspamdBayes> {
  const redis = await startRedis()
  try {
    return await started(folder, settings, redis)
  } catch (error) {
    await redis[Symbol.asyncDispose]()
    throw error
  }
}

async function started(folder: string, settings: RspamdSettings, redis: RedisServer): Promise<RspamdBayes> {
  const [port = 0, controllerPort = 0, nobody = 0] = await freePorts(3)
  const ids = accountOf()
  for (const name of ['.', 'db', 'run', 'log', 'local']) {
    mkdirSync(join(folder, name), { recursive: true })
    if (ids) chownSync(join(folder, name), ids.uid, ids.gid)
  }
  writeFileSync(join(folder, 'db/tld.dat'), 'com\norg\nnet\nedu\nde\nie\nco.uk\n')
  const config = join(folder, 'rspamd.conf')
  writeFileSync(config, configOf({ port, controllerPort, nobody, redis: redis.port }, settings))
  const places = { LOCAL_CONFDIR: 'local', DBDIR: 'db', RUNDIR: 'run', LOGDIR: 'log' }
  const variables = Object.entries(places).map(([name, place]) => `--var=${name}=${join(folder, place)}`)
  const child = spawn(programPath('rspamd'), ['-f', '-c', config, ...variables], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { PATH: systemPath() },
    detached: true,
    ...ids,
  })
  const base = `http://127.0.0.1:${port}`
  const end = performance.now() + START_LIMIT
  while (!(await answers(base))) {
    if (child.exitCode !== null || performance.now() > end) {
      await stop(child)
      const log = readFileSync(join(folder, 'log/rspamd.log'), { encoding: 'utf8', flag: 'a+' })
      throw new Error(`rspamd did not start: ${log.slice(-2_000)}`)
    }
    await sleep(100)
  }
  const ask = async (at: number, what: string, path: string) => {
    const response = await fetch(`http://127.0.0.1:${at}/${what}`, {
      method: 'POST',
      body: readFileSync(path),
      headers: { Password: PASSWORD },
    })
    return { status: response.status, text: await response.text() }
  }
  return {
    async learn(path, isJunk) {
      const { status, text } = await ask(controllerPort, isJunk ? 'learnspam' : 'learnham', path)
      // 208: it has learned the same already, and 204: there is too little in it.
      if (![200, 204, 208].includes(status)) throw new Error(`rspamd learned ${path}: ${status} ${text.slice(0, 200)}`)
    },
    async score(path) {
      const { status, text } = await ask(port, 'checkv2', path)
      if (status !== 200) throw new Error(`rspamd judged ${path}: ${status} ${text.slice(0, 200)}`)
      const { symbols } = JSON.parse(text) as { symbols: Record<string, { score: number }> } // its checkv2
      return ((symbols['BAYES_SPAM']?.score ?? 0) - (symbols['BAYES_HAM']?.score ?? 0)) / WEIGHT
    },
    async [Symbol.asyncDispose]() {
      await stop(child)
      await redis[Symbol.asyncDispose]()
    },
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = once(child, 'exit')
  // Its own group, with the workers.
  process.kill(-child.pid, 'SIGKILL')
  await ended
}

async function answers(base: string): Promise<boolean> {
  try {
    return (await fetch(`${base}/ping`, { signal: AbortSignal.timeout(5_000) })).ok
  } catch {
    return false // it does not listen yet
  }
}

/** As root it wants another account to change to, so it is that from the start. */
function accountOf(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string): number => Number(execFileSync(programPath('id'), [flag, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function configOf(
  ports: Readonly<Record<'port' | 'controllerPort' | 'nobody' | 'redis', number>>,
  settings: RspamdSettings,
): string {
  return `options {
  pidfile = "$RUNDIR/rspamd.pid";
  .include "$CONFDIR/options.inc"
  filters = "";
  url_tld = "$DBDIR/tld.dat";
  disable_hyperscan = true;
  dns { nameserver = ["127.0.0.1:${ports.nobody}:1"]; timeout = 0.1s; retransmits = 1; }
}
lua = "$RULESDIR/rspamd.lua"
group "statistics" { symbols { "BAYES_SPAM" { weight = ${WEIGHT}; } "BAYES_HAM" { weight = ${WEIGHT}; } } }
classifier "bayes" {
  tokenizer { name = "osb"; }
  backend = "redis"; servers = "127.0.0.1:${ports.redis}"; new_schema = true;
  cache { }
  min_tokens = ${settings.minTokens}; min_token_hits = ${settings.minTokenHits}; min_learns = 1;
  statfile { symbol = "BAYES_HAM"; spam = false; }
  statfile { symbol = "BAYES_SPAM"; spam = true; }
}
actions { reject = 999999999; }
modules { path = "\${PLUGINSDIR}"; fallback_path = "\${SHAREDIR}/lua"; }
logging { type = "file"; filename = "$LOGDIR/rspamd.log"; level = "warning"; }
worker "normal" { bind_socket = "127.0.0.1:${ports.port}"; count = 1; task_timeout = 30s; }
worker "controller" {
  bind_socket = "127.0.0.1:${ports.controllerPort}"; count = 1; task_timeout = 30s;
  password = "${PASSWORD}"; enable_password = "${PASSWORD}"; secure_ip = [];
}
`
}
