import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSendmailArguments } from './sendmail-arguments.ts'

const read = (line: string) => readSendmailArguments(line.split(' '))

test('letters may stand together, and values in the same word or the next', () => {
  assert.deepEqual(read('-ti -fann@example.org bob@example.org'), {
    mode: 'deliver',
    from: 'ann@example.org',
    fullName: undefined,
    fromFields: true,
    keepsDots: true,
    notify: undefined,
    ret: undefined,
    envid: undefined,
    isVerbose: false,
    to: ['bob@example.org'],
    server: undefined,
    config: undefined,
    scope: undefined,
  })
  const { from, fullName, keepsDots, to } = read('-oi -oem -bm -r <> -FAnn -- -odd@example.org')
  assert.deepEqual([from, fullName, keepsDots, to], ['', 'Ann', true, ['-odd@example.org']])
  const ours = read('--server=127.0.0.1:25 --scope out -C /etc/x -v a@b.example')
  assert.deepEqual([ours.server, ours.scope, ours.config, ours.isVerbose], ['127.0.0.1:25', 'out', '/etc/x', true])
  const reports = read('-N failure,Delay -Rhdrs -V job-7 a@b.example')
  assert.deepEqual([reports.notify, reports.ret, reports.envid], [['FAILURE', 'DELAY'], 'HDRS', 'job-7'])
  assert.deepEqual(read('-N never a@b.example').notify, ['NEVER'])
})

test('what means nothing here is taken; what is done elsewhere is said where; what nobody knows is a mistake', () => {
  assert.deepEqual(read('-n -U -G -m -O QueueDirectory=/x -B 8BITMIME -h 3 a@b.example').to, ['a@b.example'])
  assert.equal(read('-bi').mode, 'aliases')
  assert.equal(read('--help').mode, 'help')
  for (const [line, text] of [
    ['-bp', /-bp is not done here; see postroad queue list/],
    ['-bs', /-bs is not done here; see a listener/],
    ['-q30m', /-q is not done here; see postroad queue retry/],
    ['-W a', /there is no option -W/],
    ['-f', /-f needs a value/],
    ['--server', /--server needs a value/],
    ['--sever x', /There is no option --sever; there are --server, --config, --scope, --help/],
    ['-N sometimes', /-N takes never, or some of success, failure, delay; not "sometimes"/],
    ['-N never,delay', /-N takes never/],
    ['-R some', /-R takes full or hdrs, not "some"/],
  ] as const)
    assert.throws(() => read(line), text, line)
})
