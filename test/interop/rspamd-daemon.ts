/** A real rspamd for tests: own folder, own rules, own ports on loopback; no Redis, and no resolver, so that nothing leaves the machine. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { programPath, systemPath } from '../runner/program.ts'
import { freePorts } from './loopback.ts'

const START_LIMIT_MS = 120_000

/** Octets above which this rspamd takes no message. */
export const MAX_MESSAGE = 2 * 1_048_576

/** The password of its controller. */
export const CONTROLLER_PASSWORD = 'secret'

/** Of its workers, which answer plain questions too; made by `rspamadm keypair` for these tests. */
export const PUBLIC_KEY = 'jo4ajjyf3nhcmfmsig9o1c49bk9ft3c4oh5hgks3noej7zgoefty'
/** Of nobody. */
export const OTHER_KEY = 'k4nz984k36xmcynm1hr9kdbn6jhcxf4ggbrb1quay7f88rpm9kay'
const KEYPAIR = `keypair {
  pubkey = "${PUBLIC_KEY}";
  privkey = "ed6wb1r6i1ch74qzm7bfrkw19dh5ahiocs8359tpf1ks9ibn18sy";
}`

/** The pattern that rspamd knows for a test; the letter before it says which action. */
export const gtube = (letter: 'X' | 'Y' | 'Z' | 'A'): string =>
  `${letter}JS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X`

/** A running (or stopped) rspamd. */
export interface Rspamd extends AsyncDisposable {
  readonly port: number
  readonly controllerPort: number
  /** At once, with all its workers. */
  kill(): Promise<void>
  /** Again, on the same ports. */
  start(): Promise<void>
  /** What the rspamc of the package says of a message. */
  rspamc(args: readonly string[], message: Buffer): string
  log(): string
}

/** What a message's field `X-Test` asks for. */
const RULES = `rspamd_config:register_symbol{ name = 'TEST_PRE', type = 'prefilter', priority = 10, callback = function(task)
  local what = task:get_header('X-Test')
  if what == 'soft' then task:set_pre_result('soft reject', 'Try again in a while', 'test')
  elseif what == 'greylist' then task:set_pre_result('greylist', nil, 'test')
  elseif what == 'discard' then task:set_pre_result('discard', 'dropped', 'test')
  elseif what == 'quarantine' then task:set_pre_result('quarantine', 'set aside', 'test')
  elseif what == 'user' and task:get_principal_recipient() == 'carol@mx.test' then
    task:set_pre_result('reject', 'Carol does not want this', 'test')
  end
end }
rspamd_config:register_symbol{ name = 'TEST_FIELD', type = 'normal', score = 3.5, callback = function(task)
  return task:get_header('X-Test') == 'symbol', 1.0, 'found'
end }
rspamd_config:register_symbol{ name = 'TEST_SLOW', type = 'normal', score = 0, callback = function(task)
  if task:get_header('X-Test') ~= 'slow' then return false end
  rspamd_config:add_periodic(task:get_ev_base(), 1.5, function() return false end)
  return false
end }
rspamd_config:register_symbol{ name = 'TEST_SEES', type = 'idempotent', callback = function(task)
  local what = task:get_header('X-Test')
  if what == 'edit' then
    task:set_milter_reply({
      add_headers = {
        ['X-One'] = '1', ['X-Two'] = { value = '2', order = 0 },
        ['X-Three'] = { { value = '3a', order = 1 }, { value = '3b', order = -1 } },
      },
      remove_headers = { ['X-Old'] = 0, ['X-Many'] = -1 },
      change_from = 'new@client.test', add_rcpt = { 'dave@mx.test' }, del_rcpt = { 'bob@mx.test' },
    })
  elseif what == 'body' then
    task:set_message((tostring(task:get_content()):gsub('secret', 'XXXXXX')))
  elseif what == 'echo' then
    local function name(h) return tostring(task:get_request_header(h) or '-') end
    task:set_milter_reply({ add_headers = { ['X-Echo'] = table.concat({
      tostring(task:get_from_ip()), task:get_helo() or '-', (task:get_from('smtp') or { { addr = '-' } })[1].addr,
      tostring(#(task:get_recipients('smtp') or {})), task:get_user() or '-', name('MTA-Name'), name('Deliver-To'),
    }, ' ') } })
  end
end }
`

/** Starts one. Its word list of public suffixes is short, and it compiles nothing: seconds instead of minutes. */
export async function startRspamd(): Promise<Rspamd> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-rspamd-'))
  const [port = 0, controllerPort = 0, nobody = 0] = await freePorts(3)
  const ids = accountOf()
  for (const name of ['.', 'db', 'run', 'log', 'local', 'local/local.d']) {
    mkdirSync(join(folder, name), { recursive: true })
    if (ids) chownSync(join(folder, name), ids.uid, ids.gid)
  }
  writeFileSync(join(folder, 'db/tld.dat'), 'com\norg\nnet\ntest\nexample\n')
  writeFileSync(join(folder, 'local/test.lua'), RULES)
  const config = join(folder, 'rspamd.conf')
  writeFileSync(config, makeConfig({ port, controllerPort, nobody }))
  const argv = ['-f', '-c', config, ...variables(folder)]
  let daemon: ChildProcess | undefined
  const log = (): string => readFileSync(join(folder, 'log/rspamd.log'), { encoding: 'utf8', flag: 'a+' })
  const kill = async (): Promise<void> => {
    const running = daemon
    daemon = undefined
    if (!running || running.exitCode !== null || running.signalCode !== null || running.pid === undefined) return
    const ended = once(running, 'exit')
    // Its own group: the workers would live on for a while.
    process.kill(-running.pid, 'SIGKILL')
    await ended
  }
  const start = async (): Promise<void> => {
    const child = spawn(programPath('rspamd'), argv, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: systemPath() },
      detached: true,
      ...ids,
    })
    daemon = child
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    const end = performance.now() + START_LIMIT_MS
    while (!(await answers(port))) {
      if (child.exitCode !== null || performance.now() > end)
        throw new Error(`rspamd did not start: ${said}${log().slice(-2_000)}`)
      await sleep(100)
    }
  }
  const dispose = async (): Promise<void> => {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    port,
    controllerPort,
    kill,
    start,
    rspamc: (args, message) =>
      execFileSync(programPath('rspamc'), ['-h', `127.0.0.1:${port}`, ...args], {
        input: message,
        encoding: 'utf8',
        env: { PATH: systemPath() },
      }),
    log,
    [Symbol.asyncDispose]: dispose,
  }
}

/** rspamd as root wants another account to change to, so it is that from the start. */
function accountOf(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string): number => Number(execFileSync(programPath('id'), [flag, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function variables(folder: string): string[] {
  return [
    ['LOCAL_CONFDIR', 'local'],
    ['DBDIR', 'db'],
    ['RUNDIR', 'run'],
    ['LOGDIR', 'log'],
  ].map(([name = '', place = '']) => `--var=${name}=${join(folder, place)}`)
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/ping`, { signal: AbortSignal.timeout(5_000) })).ok
  } catch {
    return false // it does not listen yet
  }
}

interface Ports {
  readonly port: number
  readonly controllerPort: number
  /** Where nobody answers: its resolver. */
  readonly nobody: number
}

function makeConfig({ port, controllerPort, nobody }: Ports): string {
  return `options {
  pidfile = "$RUNDIR/rspamd.pid";
  .include "$CONFDIR/options.inc"
  filters = "chartable,regexp";
  url_tld = "$DBDIR/tld.dat";
  disable_hyperscan = true;
  enable_test_patterns = true;
  max_message = ${MAX_MESSAGE};
  dns { nameserver = ["127.0.0.1:${nobody}:1"]; timeout = 0.1s; retransmits = 1; }
}
lua = "$RULESDIR/rspamd.lua"
lua = "$LOCAL_CONFDIR/test.lua"
.include "$CONFDIR/metrics.conf"
.include "$CONFDIR/groups.conf"
.include "$CONFDIR/composites.conf"
.include "$CONFDIR/modules.d/regexp.conf"
.include "$CONFDIR/modules.d/chartable.conf"
.include "$CONFDIR/modules.d/milter_headers.conf"
.include "$CONFDIR/modules.d/mime_types.conf"
settings { strict { id = "strict"; apply { actions { reject = 3.0; "add header" = 2.0; greylist = 1.0; } } } }
classifier "bayes" {
  tokenizer { name = "osb"; }
  backend = "sqlite3";
  cache { type = "sqlite3"; path = "$DBDIR/learned.sqlite"; }
  min_tokens = 1; min_learns = 1;
  statfile { symbol = "BAYES_HAM"; path = "$DBDIR/ham.sqlite"; spam = false; }
  statfile { symbol = "BAYES_SPAM"; path = "$DBDIR/spam.sqlite"; spam = true; }
}
actions { quarantine = 1000; discard = 2000; reject = 15; add_header = 6; greylist = 4; subject = "***SPAM*** %s"; }
modules { path = "\${PLUGINSDIR}"; fallback_path = "\${SHAREDIR}/lua"; }
logging { type = "file"; filename = "$LOGDIR/rspamd.log"; level = "info"; }
worker "normal" { bind_socket = "127.0.0.1:${port}"; count = 1; task_timeout = 8s; ${KEYPAIR} }
worker "controller" {
  bind_socket = "127.0.0.1:${controllerPort}";
  password = "${CONTROLLER_PASSWORD}"; enable_password = "${CONTROLLER_PASSWORD}"; secure_ip = [];
  ${KEYPAIR}
}
`
}
