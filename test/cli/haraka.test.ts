/** `postroad haraka`: a Haraka's folder becomes a configuration that starts, and nothing of it is passed over in silence. */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { Operator } from './operator.ts'

const operator = await Operator.begin()
after(() => operator.end())

const FILES: Readonly<Record<string, string>> = {
  'config/plugins':
    '# ours\nrelay\naccess\nfcrdns\ndnsbl\ntls\nspf\nrcpt_to.in_host_list\nclamd\nheaders\nmembers\nqueue/smtp_forward\n',
  'config/me': 'mx.example.test\n',
  'config/host_list': 'example.test\n# a comment\nExample.org\n',
  'config/relay_acl_allow': '10.0.0.0/8\n',
  'config/dns-list.ini': '[main]\nzones[]=zen.example\nzones[]=list.dnswl.example\n[zen.example]\nreject=true\n',
  'config/spf.ini': '[deny]\nmfrom_fail=true\n',
  'config/clamd.ini': '[main]\nclamd_socket=127.0.0.1:3310\n',
  'config/smtp_forward.ini': 'host=10.0.0.7\nport=2525\n[example.org]\nhost=10.0.0.8\n',
  'config/smtp.ini': '[main]\nlisten=127.0.0.1:0\nnodes=4\n',
  'config/connection.ini': '[max]\nbytes=1048576\n',
  'config/outbound.ini': 'concurrency_max=50\ntemp_fail_intervals=1m, 5m\npool_timeout=7\n',
  'config/smtpgreeting': 'hello\n',
  'plugins/members.js': 'exports.hook_mail = (next) => next()\n',
}

async function site(files: Readonly<Record<string, string>>, name: string): Promise<string> {
  const folder = path.join(operator.folder, name)
  for (const [file, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true })
    await writeFile(path.join(folder, file), text)
  }
  return folder
}

test('import writes a configuration that passes check, and says of each line what became of it', async () => {
  const folder = await site(FILES, 'site')
  const to = path.join(operator.folder, 'imported')
  const { code, out, err } = await operator.run('haraka', 'import', folder, '--to', to)
  assert.deepEqual([code, err], [0, ''])
  for (const line of [
    /config\/plugins:2 relay +native +routing: relay for 10\.0\.0\.0\/8/,
    /config\/plugins:3 access +as it is +runs unchanged/,
    /config\/plugins:5 dnsbl +to do +is called dns-list by now/,
    /config\/plugins:6 tls +built in/,
    /config\/plugins:8 rcpt_to\.in_host_list +native +routing: domains example\.test, Example\.org/,
    /config\/plugins:11 members +as it is/,
    /routing: example\.org goes to 10\.0\.0\.8/,
    /config\/tls\.ini +to do +its certificate is not there/,
    /config\/smtp\.ini nodes +built in +postroad start --workers 4/,
    /config\/outbound\.ini pool_timeout +to do/,
    /config\/smtpgreeting +to do/,
    /npm install .*@postroad\/haraka .*haraka-plugin-access haraka-plugin-headers/,
  ])
    assert.match(out, line)
  const text = await readFile(path.join(to, 'postroad.config.ts'), 'utf8')
  assert.match(text, /routing\(\{ domains: \{ 'example\.test': \{ via: 'smtp', host: '10\.0\.0\.7', port: 2525 \}/)
  assert.match(
    text,
    /dnsbl\(\{ lists: \[\{ zone: 'zen\.example', action: 'reject' \}, \{ zone: 'list\.dnswl\.example', action: -3 \}\] \}\)/,
  )
  assert.match(text, /queue\(\{ concurrency: 50, retry: \['1 min', '5 min'\] \}\)/)
  const checked = await operator.run('check', to)
  assert.deepEqual([checked.code, checked.err], [0, ''], checked.out)
})

test('it writes over nothing, and what is no Haraka is a mistake', async () => {
  const folder = await site(FILES, 'again')
  await writeFile(path.join(folder, 'postroad.config.ts'), 'mine')
  const { code, err } = await operator.run('haraka', 'import', folder, '--to', folder)
  assert.equal(code, 1)
  assert.match(err, /is there already: --force writes over it/)
  const none = await operator.run('haraka', 'check', operator.folder)
  assert.equal(none.code, 1)
  assert.match(none.err, /is no folder of Haraka: it has no config\/plugins/)
})

test('check changes nothing, and its exit code says whether anything is left to do', async () => {
  const done = await site(
    {
      'config/plugins': 'rcpt_to.in_host_list\nqueue/smtp_forward\n',
      'config/me': 'mx.test\n',
      'config/host_list': 'a.test\n',
    },
    'done',
  )
  assert.equal((await operator.run('haraka', 'check', done)).code, 0)
  const { code, out } = await operator.run(
    'haraka',
    'check',
    await site({ 'config/plugins': 'spf\n' }, 'left'),
    '--json',
  )
  assert.equal(code, 1)
  const steps = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.ok(
    steps.some(({ at, kind }) => at === 'config/host_list' && kind === 'open'),
    out,
  )
})
