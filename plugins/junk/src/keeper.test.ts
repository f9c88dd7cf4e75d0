import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { writeSnapshot } from '@postroad/learn'
import { fakeClock, memoryLock } from '@postroad/testing'
import { fileJournal } from './journal.ts'
import { Keeper } from './keeper.ts'
import { newId } from './lesson.ts'
import { deliveredOf, mailOf } from './mail-fixture.test.ts'
import { Secret } from './secret.ts'
import { Teacher, type Teaching } from './teacher.ts'

const MINIMUM = { spam: 20, ham: 20, users: 2 }
const DAY = 86_400_000
const log = { debug() {}, info() {}, warn() {}, error() {} }

async function schoolIn(folder: string, clock = fakeClock(), large?: number) {
  const keeper = new Keeper({
    folder,
    journal: fileJournal(folder, large),
    options: { oneIn: 2_000, perDay: 200, minimum: MINIMUM },
    keep: 180 * DAY,
    clock,
    lock: memoryLock(),
    log,
  })
  const teacher = new Teacher({ keeper, secret: new Secret(Buffer.alloc(32, 7)), clock, hosts: ['mx.test'] })
  await keeper.load()
  const teach = (kind: 'spam' | 'ham', id: number, more: Partial<Teaching> = {}) =>
    teacher.teach(Buffer.from(mailOf(kind, id)), {
      label: kind === 'spam' ? 'junk' : 'wanted',
      source: 'command',
      ...more,
    })
  /** All at once: they share a sync. In their order. */
  const teachAll = (kinds: readonly ('spam' | 'ham')[], ids: readonly number[], more: Partial<Teaching> = {}) =>
    Promise.all(ids.flatMap((id) => kinds.map((kind) => teach(kind, id, more))))
  const rank = (kind: 'spam' | 'ham', id: number) => keeper.mind.score(teacher.scan(Buffer.from(mailOf(kind, id)))).rank
  const weights = () => Buffer.from(writeSnapshot(keeper.mind.model)).toString('base64')
  return { keeper, teacher, clock, teach, teachAll, rank, weights }
}

const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index)

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-junk-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('lessons are learned at once, and are there after a restart', async (t) => {
  const folder = await makeFolder(t)
  const one = await schoolIn(folder)
  assert.deepEqual([...new Set(await one.teachAll(['spam', 'ham'], upTo(30)))], ['learned'])
  assert.ok(one.rank('spam', 900) > 1, `spam ${one.rank('spam', 900)}`)
  assert.ok(one.rank('ham', 900) < -1, `ham ${one.rank('ham', 900)}`)
  const killed = await schoolIn(folder)
  assert.equal(killed.weights(), one.weights(), 'from the journal, bit for bit')
  await one.keeper.save()
  assert.ok((await readdir(folder)).includes('state'))
  const restarted = await schoolIn(folder)
  assert.equal(restarted.weights(), one.weights(), 'from the file')
  assert.equal(await restarted.teach('spam', 3), 'known')
})

test('a message is learned once, in all its copies, and relabelling takes back what was learned', async (t) => {
  const { teacher, teach, weights } = await schoolIn(await makeFolder(t))
  for (let id = 0; id < 10; id++) await teach(id % 2 ? 'spam' : 'ham', id)
  const before = weights()
  const copy = Buffer.from(deliveredOf(mailOf('spam', 1)))
  assert.equal(await teacher.teach(copy, { label: 'junk', source: 'http' }), 'known')
  assert.equal(weights(), before)
  assert.equal(await teacher.teach(copy, { label: 'wanted', source: 'http' }), 'relabelled')
  assert.equal(teacher.keeper.mind.model.lessons.wanted, 6)
  assert.equal(teacher.keeper.mind.model.lessons.junk, 4)
})

test('two processes that share a folder have the same mind, whoever was taught', async (t) => {
  const folder = await makeFolder(t)
  const [one, two] = [await schoolIn(folder), await schoolIn(folder)]
  await Promise.all(Array.from({ length: 20 }, (_, id) => (id % 3 ? one : two).teach(id % 2 ? 'spam' : 'ham', id)))
  await Promise.all([one.keeper.catchUp(), two.keeper.catchUp()])
  assert.equal(one.weights(), two.weights())
  assert.equal(one.keeper.mind.counts.lessons, 20)
})

test('files of the journal follow each other, and nothing is lost between them', async (t) => {
  const folder = await makeFolder(t)
  const [one, two] = [await schoolIn(folder, fakeClock(), 3_000), await schoolIn(folder, fakeClock(), 3_000)]
  for (let id = 0; id < 12; id++) await (id % 2 ? one : two).teach('spam', id)
  const files = (await readdir(folder)).filter((name) => name.startsWith('lessons-'))
  assert.ok(files.length > 3, files.join(' '))
  assert.equal((await schoolIn(folder)).keeper.mind.counts.lessons, 12)
})

test('what a killed process has half written is skipped, and what follows is read', async (t) => {
  const folder = await makeFolder(t)
  const one = await schoolIn(folder)
  await one.teach('spam', 1)
  const file = join(folder, 'lessons-000001.log')
  const whole = await readFile(file)
  for (const cut of [1, 3, 7, 15, 16, 100, whole.length - 1]) {
    await appendFile(file, whole.subarray(0, cut))
    await one.teach('spam', 100 + cut)
    assert.equal((await schoolIn(folder)).keeper.mind.counts.lessons, one.keeper.mind.counts.lessons, `cut at ${cut}`)
  }
  assert.equal(one.keeper.mind.counts.lessons, 8)
})

test('a damaged file of the mind is put aside, and all is learned again from the journal', async (t) => {
  const folder = await makeFolder(t)
  const one = await schoolIn(folder)
  for (let id = 0; id < 6; id++) await one.teach('ham', id)
  await one.keeper.save()
  const octets = await readFile(join(folder, 'state'))
  octets[octets.length >> 1]! ^= 1
  await writeFile(join(folder, 'state'), octets)
  const two = await schoolIn(folder)
  assert.equal(two.keeper.trouble, undefined)
  assert.equal(two.weights(), one.weights())
  assert.ok((await readdir(folder)).includes('state.damaged'))
})

test('undo: as if the lessons since then had never been, also after a restart', async (t) => {
  const folder = await makeFolder(t)
  const one = await schoolIn(folder)
  for (let id = 0; id < 6; id++) await one.teach('ham', id)
  const before = one.weights()
  await one.clock.advance(60_000)
  const since = one.clock.now()
  for (let id = 0; id < 4; id++) await one.teach('spam', id)
  assert.notEqual(one.weights(), before)
  await one.keeper.submit({ kind: 'undo', id: newId(), at: one.clock.now(), since, user: undefined })
  assert.equal(one.weights(), before)
  assert.equal((await schoolIn(folder)).weights(), before)
  assert.equal(await one.teach('spam', 1), 'learned', 'and may be learned again')
})

test('delete: nothing of a user is left, in the mind and in the files', async (t) => {
  const folder = await makeFolder(t)
  const one = await schoolIn(folder)
  for (let id = 0; id < 6; id++) await one.teach('ham', id)
  const before = one.weights()
  const user = 'alice@example.com'
  await one.teach('spam', 1, { user })
  const { user: hash = '' } = one.teacher.who(user)
  assert.ok(one.keeper.mind.circles.has(hash))
  await one.keeper.erase(hash, { id: newId(), at: one.clock.now() })
  assert.equal(one.keeper.mind.circles.has(hash), false)
  assert.equal(one.weights(), before)
  assert.equal(await one.keeper.count((entry) => entry.user === hash), 0)
  const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'latin1')))
  // The entry that says so is all that has the name.
  assert.equal(texts.join('').split(hash).length - 1, 1)
})

test('lessons that are too old to be undone go, and what was learned from them stays', async (t) => {
  const folder = await makeFolder(t)
  const clock = fakeClock()
  const one = await schoolIn(folder, clock, 4_000)
  for (let id = 0; id < 8; id++) await one.teach('ham', id)
  clock.step(200 * DAY)
  for (let id = 0; id < 3; id++) await one.teach('spam', id)
  const before = one.weights()
  await one.keeper.compact()
  assert.ok((await readdir(folder)).includes('base'))
  assert.ok(!(await readdir(folder)).includes('lessons-000001.log'))
  await rm(join(folder, 'state'))
  const two = await schoolIn(folder, clock, 4_000)
  assert.equal(two.weights(), before)
  await two.keeper.submit({ kind: 'undo', id: newId(), at: clock.now(), since: clock.now() - DAY, user: undefined })
  assert.deepEqual(two.keeper.mind.model.lessons, { junk: 0, wanted: 8 })
})

test('one user who calls wanted mail spam teaches only themselves', async (t) => {
  const { teachAll, rank, keeper, teacher } = await schoolIn(await makeFolder(t))
  await teachAll(['spam', 'ham'], upTo(40))
  const before = rank('ham', 900)
  const user = 'mallory@example.com'
  const outcomes = await teachAll(['ham'], upTo(80, 100), { label: 'junk', user })
  assert.ok(outcomes.includes('own'), [...new Set(outcomes)].join())
  assert.ok(rank('ham', 900) < 0 && before < 0, `${before} ${rank('ham', 900)}`)
  const own = keeper.mind.score(teacher.scan(Buffer.from(mailOf('ham', 900))), teacher.who(user)).rank
  assert.ok(own > rank('ham', 900), 'their own mail is judged as they want')
})

test('a user has so many lessons a day', async (t) => {
  const { teach, teachAll, clock } = await schoolIn(await makeFolder(t))
  const user = 'alice@example.com'
  const outcomes = await teachAll(['spam'], upTo(201), { user })
  assert.equal(outcomes.at(-1), 'too many')
  assert.equal(outcomes.at(-2) === 'too many', false)
  clock.step(DAY)
  assert.notEqual(await teach('spam', 300, { user }), 'too many')
})

test('how far it is: so many of each kind, users, and scores of wanted mail', async (t) => {
  const { teachAll, keeper } = await schoolIn(await makeFolder(t))
  assert.deepEqual(keeper.mind.readiness().missing.slice(0, 3), [
    '20 more of spam',
    '20 more of wanted mail',
    'lessons of 2 more users, or 20 and 20 by the operator',
  ])
  await teachAll(['spam', 'ham'], upTo(20))
  const { isReady, missing } = keeper.mind.readiness()
  assert.equal(isReady, false)
  assert.deepEqual(missing, ['2000 more scores of wanted mail to keep 1 in 2000'])
})
