import { after } from 'node:test'
import { pluginContract, testPlugin } from '@postroad/testing'
import { fakeClamd } from './clamd-fixture.test.ts'
import { clamav } from './index.ts'

const clamd = await fakeClamd()
const second = await fakeClamd()
const dying = await fakeClamd({ dies: 1 })
const small = await fakeClamd({ early: 20_000 })
after(async () => {
  for (const one of [clamd, second, dying, small]) await one[Symbol.asyncDispose]()
})

/** Nobody listens there. */
const nobody = '127.0.0.1:1'
const at = clamd.at
const infected = { Subject: 'VIRUS=Win.Test.EICAR_HDB-1' }
const large = `Subject: x\r\n\r\n${'y'.repeat(70)}\r\n`.padEnd(30_000, 'z')

const cases: Parameters<typeof testPlugin<Parameters<typeof clamav>>>[1] = [
  {
    name: 'honest mail is clean',
    data: 'hello',
    expect: { accepted: true, points: 0, facts: { virus: { result: 'clean', daemon: at, ms: 0 } } },
  },
  {
    name: 'a virus is refused, by its name',
    data: infected,
    expect: {
      refused: '5.7.1',
      text: /virus: Win\.Test\.EICAR_HDB-1/,
      facts: { virus: { result: 'infected', name: 'Win.Test.EICAR_HDB-1', daemon: at, ms: 0 } },
    },
  },
  {
    name: 'a virus is worth what the operator says',
    options: { infected: 'quarantine' },
    data: infected,
    expect: { quarantined: /clamav: Win\.Test\.EICAR_HDB-1/ },
  },
  {
    name: 'what is no virus is worth points',
    data: { Subject: 'VIRUS=PUA.Win.Packer' },
    expect: { accepted: true, points: 3 },
  },
  {
    name: 'a guess is worth more points',
    data: { Subject: 'VIRUS=Heuristics.Phishing.Email' },
    expect: { points: 5 },
  },
  {
    name: 'names are worth what the operator says, the first pattern that fits',
    options: { names: { 'Heuristics.Phishing.*': 1, 'Heuristics.*': 'reject' } },
    data: { Subject: 'VIRUS=Heuristics.Phishing.Email' },
    expect: { accepted: true, points: 1 },
  },
  {
    name: 'and behind the patterns of the operator stand ours',
    options: { names: { 'Heuristics.Phishing.*': 1 } },
    data: { Subject: 'VIRUS=PUA.X' },
    expect: { points: 3 },
  },
  {
    name: 'what is larger than our limit is not scanned, and not clean',
    options: { maxSize: 20_000 },
    data: large,
    expect: { accepted: true, points: 0, facts: { virus: { result: 'unscanned', limit: 'size' } } },
  },
  {
    name: 'what is announced as larger is not even sent',
    options: { maxSize: 20_000, unscanned: 4 },
    mail: { path: 'sender@client.test', size: 30_000 },
    data: large,
    expect: { points: 4 },
  },
  {
    name: 'what is larger than the limit of clamd is not scanned',
    options: { at: small.at, unscanned: 'quarantine', header: 'X-Virus-Status' },
    data: large,
    expect: {
      quarantined: /not scanned \(StreamMaxLength\)/,
      facts: { virus: { result: 'unscanned', limit: 'StreamMaxLength', daemon: small.at, ms: 0 } },
      headers: { 'X-Virus-Status': 'Not scanned (StreamMaxLength)' },
    },
  },
  {
    name: 'what clamd has not looked at to its end is not scanned',
    options: { unscanned: 'defer' },
    data: { Subject: 'VIRUS=Heuristics.Limits.Exceeded.MaxRecursion' },
    expect: { refused: '4.7.1', text: /cannot be scanned/ },
  },
  {
    name: 'when no clamd answers the message is not taken',
    options: { at: nobody },
    data: 'hello',
    expect: { refused: '4.3.0', failure: /ECONNREFUSED/, facts: { virus: undefined } },
  },
  {
    name: 'nor when it dies in the middle',
    options: { at: dying.at },
    data: 'hello',
    expect: { refused: '4.3.0', failure: /no answer/ },
  },
  {
    name: 'the operator may let it pass then, and it is not said to be clean',
    options: { at: nobody, header: 'X-Virus-Status' },
    use: { onError: 'pass' },
    data: { Subject: 'x', 'X-Virus-Status': 'Clean' },
    expect: { delivered: true, failure: /ECONNREFUSED/, headers: { 'X-Virus-Status': 'Not scanned' } },
  },
  {
    name: 'another clamd stands in for one that is not there',
    options: { at: [nobody, second.at] },
    data: infected,
    expect: { refused: '5.7.1' },
  },
  {
    name: 'or dies in the middle',
    options: { at: [dying.at, second.at] },
    data: infected,
    expect: { refused: '5.7.1' },
  },
  {
    name: 'in shadow it is heard, and not obeyed',
    use: { mode: 'shadow' },
    data: infected,
    expect: { delivered: true },
  },
  {
    name: 'the header says what came of it, and the one that came in is gone',
    options: { header: 'X-Virus-Status' },
    data: { Subject: 'x', 'X-Virus-Status': 'Infected (by me)' },
    expect: { headers: { 'X-Virus-Status': 'Clean' } },
  },
  {
    name: 'it need not overlap',
    options: { overlap: 0 },
    data: infected,
    expect: { refused: '5.7.1' },
  },
  {
    name: 'a filter judges the same',
    protocol: 'milter',
    options: { header: 'X-Virus-Status' },
    data: { Subject: 'x' },
    expect: { outcome: 'pass', edits: ['X-Virus-Status: Clean'] },
  },
  {
    name: 'another server on the port is named',
    options: { at: `http://${at}` },
    expect: { mistake: /clamd does not speak HTTP/ },
  },
]
testPlugin(
  clamav,
  cases.map((one) => ({ ...one, options: { at, ...one.options } })),
  { data: 'x' },
)

testPlugin(
  clamav,
  [
    {
      name: 'what was clean a moment ago and comes to others is not scanned again',
      options: { at, clean: { keep: '10 min' } },
      earlier: [{ data: { Subject: 'news', To: 'a@b.test' } }],
      data: { Subject: 'news', To: 'c@d.test' },
      expect: { facts: { virus: { result: 'clean' } } },
    },
    {
      name: 'another content is',
      options: { at, clean: { keep: '10 min' } },
      earlier: [{ data: { Subject: 'news' } }],
      data: { Subject: 'newer' },
      expect: { facts: { virus: { result: 'clean', daemon: at, ms: 0 } } },
    },
    {
      name: 'and so is the same one later',
      options: { at, clean: { keep: '10 min' } },
      earlier: [{ data: { Subject: 'news' } }],
      wait: 600_000,
      data: { Subject: 'news' },
      expect: { facts: { virus: { result: 'clean', daemon: at, ms: 0 } } },
    },
    {
      name: 'what was infected is scanned again, and refused again',
      options: { at, clean: { keep: '10 min' } },
      earlier: [{ data: infected }],
      data: infected,
      expect: '5.7.1',
    },
  ],
  {},
)

pluginContract(clamav, { options: { at, header: 'X-Virus-Status' } })
